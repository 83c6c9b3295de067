locals {
  swarm_identity = var.swarm_may_act ? azurerm_user_assigned_identity.swarm : azurerm_user_assigned_identity.watch

  # How long a change of traffic may take to arrive everywhere.
  settle_seconds = local.front_door ? 2700 : 300

  # TOML's strings and JSON's are written alike, which makes jsonencode the escaping here.
  regions_toml = join(", ", [for region, url in local.demo_urls : "${region} = { url = ${jsonencode(url)}, probe_path = \"/api/users?limit=1\" }"])
  apps_toml    = join(", ", [for region, app in local.demo_apps : "${region} = ${jsonencode(app)}"])
  names_toml   = join(", ", [for region in keys(var.regions) : "${region} = ${jsonencode(region)}"])
  traffic_toml = local.front_door ? join(", ", [
    "kind = \"front_door\"",
    "profile = ${jsonencode(azurerm_cdn_frontdoor_profile.main[0].name)}",
    "origin_group = ${jsonencode(azurerm_cdn_frontdoor_origin_group.main[0].name)}",
    "origins = { ${local.names_toml} }",
    "switch_timeout_s = ${local.settle_seconds}",
    ]) : join(", ", [
    "kind = \"traffic_manager\"",
    "profile = ${jsonencode(azurerm_traffic_manager_profile.main[0].name)}",
    "endpoint_type = \"ExternalEndpoints\"",
    "endpoints = { ${local.names_toml} }",
    "switch_timeout_s = ${local.settle_seconds}",
  ])
  images_toml = join(", ", [for mark in [":", "@"] : jsonencode("${azurerm_container_registry.main.login_server}/${regex("^[^:@]+", var.demo_image)}${mark}")])
  model_toml = var.model == null ? "" : join("\n", [
    "[model]",
    "base_url = ${jsonencode(var.model.base_url)}",
    "model = ${jsonencode(var.model.deployment)}",
    "auth = \"entra\"",
  ])

  overwatch_toml = { for who, actions in { person = "", swarm = var.swarm_may_act ? "" : "allowed_actions = []" } : who => templatefile("${path.module}/templates/overwatch.toml.tftpl", {
    actions         = actions
    container_apps  = local.apps_toml
    images          = local.images_toml
    log_workspace   = jsonencode(azurerm_log_analytics_workspace.main.workspace_id)
    max_replicas    = var.demo_replicas.max
    min_replicas    = var.demo_replicas.min
    model           = local.model_toml
    public_url      = jsonencode(local.public_url)
    regions         = local.regions_toml
    resource_group  = jsonencode(azurerm_resource_group.main.name)
    settle_minutes  = local.settle_seconds / 60
    settle_seconds  = local.settle_seconds
    subscription_id = jsonencode(local.subscription_id)
    target          = local.target
    traffic         = local.traffic_toml
  }) }
}

# The swarm's own place, away from the regions that it watches.
resource "azurerm_container_app_environment" "swarm" {
  name                       = "${var.name}-control"
  resource_group_name        = azurerm_resource_group.main.name
  location                   = azurerm_resource_group.main.location
  logs_destination           = "log-analytics"
  log_analytics_workspace_id = azurerm_log_analytics_workspace.main.id
  tags                       = local.tags

  workload_profile {
    name                  = "Consumption"
    workload_profile_type = "Consumption"
  }
}

resource "azurerm_container_app" "swarm" {
  name                         = local.swarm_app
  resource_group_name          = azurerm_resource_group.main.name
  container_app_environment_id = azurerm_container_app_environment.swarm.id
  workload_profile_name        = "Consumption"
  revision_mode                = "Single"
  max_inactive_revisions       = 5
  tags                         = local.tags

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.pull.id, local.swarm_identity.id]
  }

  registry {
    server   = azurerm_container_registry.main.login_server
    identity = azurerm_user_assigned_identity.pull.id
  }

  # No secret: this is how a file gets into a container app.
  secret {
    name  = "overwatch-toml"
    value = local.overwatch_toml.swarm
  }

  template {
    # Exactly one: its log is a file of its own, and two swarms would not know of each other.
    min_replicas                     = 1
    max_replicas                     = 1
    termination_grace_period_seconds = 60

    container {
      name    = "overwatch"
      image   = "${azurerm_container_registry.main.login_server}/${var.swarm_image}"
      cpu     = 0.5
      memory  = "1Gi"
      command = ["overwatch-tui"]
      args    = ["run", "--json"]

      env {
        name  = "OVERWATCH_CONFIG"
        value = "/etc/overwatch/overwatch-toml"
      }

      # A folder of its own making: the volume itself belongs to root and is open to all.
      env {
        name  = "OVERWATCH_HOME"
        value = "/var/lib/overwatch/state"
      }

      env {
        name  = "AZURE_CLIENT_ID"
        value = local.swarm_identity.client_id
      }

      env {
        name  = "AZURE_TOKEN_CREDENTIALS"
        value = "ManagedIdentityCredential"
      }

      # A secret that changes restarts nothing; a template that changes does.
      env {
        name  = "CONFIGURATION_SHA256"
        value = sha256(local.overwatch_toml.swarm)
      }

      volume_mounts {
        name = "configuration"
        path = "/etc/overwatch"
      }

      volume_mounts {
        name = "home"
        path = "/var/lib/overwatch"
      }
    }

    volume {
      name         = "configuration"
      storage_type = "Secret"
    }

    # On this machine's disk on purpose: SQLite's write-ahead log does not work on a network share.
    volume {
      name         = "home"
      storage_type = "EmptyDir"
    }
  }

  depends_on = [
    azurerm_role_assignment.pull,
    azurerm_role_assignment.swarm,
    azurerm_role_assignment.watch,
    azurerm_role_assignment.operations,
    azurerm_role_assignment.model,
  ]
}
