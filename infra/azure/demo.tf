resource "azurerm_container_app_environment" "demo" {
  for_each = var.regions

  name                       = "${var.name}-${each.key}"
  resource_group_name        = azurerm_resource_group.main.name
  location                   = each.value
  logs_destination           = "log-analytics"
  log_analytics_workspace_id = azurerm_log_analytics_workspace.main.id
  tags                       = local.tags

  workload_profile {
    name                  = "Consumption"
    workload_profile_type = "Consumption"
  }
}

resource "azurerm_container_app" "demo" {
  for_each = var.regions

  name                         = local.demo_apps[each.key]
  resource_group_name          = azurerm_resource_group.main.name
  container_app_environment_id = azurerm_container_app_environment.demo[each.key].id
  workload_profile_name        = "Consumption"
  revision_mode                = "Single"
  max_inactive_revisions       = 20
  tags                         = local.tags

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.pull.id]
  }

  registry {
    server   = azurerm_container_registry.main.login_server
    identity = azurerm_user_assigned_identity.pull.id
  }

  ingress {
    external_enabled           = true
    allow_insecure_connections = false
    target_port                = local.demo_port
    transport                  = "auto"

    traffic_weight {
      latest_revision = true
      percentage      = 100
    }
  }

  template {
    min_replicas                     = var.demo_replicas.min
    max_replicas                     = var.demo_replicas.max
    termination_grace_period_seconds = 15

    container {
      name   = "mini-app"
      image  = "${azurerm_container_registry.main.login_server}/${var.demo_image}"
      cpu    = 0.25
      memory = "0.5Gi"

      env {
        name  = "MINI_APP_REGION"
        value = each.key
      }

      env {
        name  = "MINI_APP_DATABASE_URL"
        value = "sqlite:////data/mini_app.db"
      }

      env {
        name  = "MINI_APP_PEERS"
        value = jsonencode(local.demo_urls)
      }

      volume_mounts {
        name = "data"
        path = "/data"
      }

      startup_probe {
        transport               = "HTTP"
        port                    = local.demo_port
        path                    = "/health"
        interval_seconds        = 3
        timeout                 = 2
        failure_count_threshold = 20
      }

      readiness_probe {
        transport               = "HTTP"
        port                    = local.demo_port
        path                    = "/health"
        interval_seconds        = 5
        timeout                 = 3
        failure_count_threshold = 3
        success_count_threshold = 1
      }

      liveness_probe {
        transport               = "HTTP"
        port                    = local.demo_port
        path                    = "/health"
        interval_seconds        = 10
        timeout                 = 5
        failure_count_threshold = 6
      }
    }

    http_scale_rule {
      name                = "requests"
      concurrent_requests = tostring(var.concurrent_requests)
    }

    volume {
      name         = "data"
      storage_type = "EmptyDir"
    }
  }

  # Overwatch deploys, scales and moves traffic: an apply that put these back would undo a recovery.
  lifecycle {
    ignore_changes = [
      template[0].container[0].image,
      template[0].revision_suffix,
      template[0].min_replicas,
      template[0].max_replicas,
      ingress[0].traffic_weight,
    ]
  }

  # Without the role the first pull is refused, and the first revision never gets ready.
  depends_on = [azurerm_role_assignment.pull]
}
