resource "azurerm_monitor_action_group" "on_call" {
  name                = "${var.name}-on-call"
  resource_group_name = azurerm_resource_group.main.name
  short_name          = "overwatch"
  tags                = local.tags

  dynamic "email_receiver" {
    for_each = var.alert_email[*]

    content {
      name                    = "on-call"
      email_address           = email_receiver.value
      use_common_alert_schema = true
    }
  }

  dynamic "arm_role_receiver" {
    for_each = var.alert_email == null ? ["owners"] : []

    content {
      name                    = arm_role_receiver.value
      role_id                 = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635" # Owner
      use_common_alert_schema = true
    }
  }
}

# That its process runs. That it still thinks is what heartbeat/ asks of its log.
resource "azurerm_monitor_metric_alert" "swarm_gone" {
  name                = "${var.name}-swarm-gone"
  description         = "No replica of the swarm runs: nobody watches. See `az containerapp revision list -n ${local.swarm_app} -g ${var.name}`."
  resource_group_name = azurerm_resource_group.main.name
  scopes              = [azurerm_container_app.swarm.id]
  severity            = 1
  frequency           = "PT1M"
  window_size         = "PT5M"
  tags                = local.tags

  criteria {
    metric_namespace = "Microsoft.App/containerapps"
    metric_name      = "Replicas"
    aggregation      = "Maximum"
    operator         = "LessThan"
    threshold        = 1
  }

  action {
    action_group_id = azurerm_monitor_action_group.on_call.id
  }
}

resource "azurerm_monitor_metric_alert" "swarm_restarts" {
  name                = "${var.name}-swarm-restarts"
  description         = "The swarm's container was restarted more than twice: it crashes. Its last lines are in ContainerAppConsoleLogs_CL."
  resource_group_name = azurerm_resource_group.main.name
  scopes              = [azurerm_container_app.swarm.id]
  severity            = 2
  frequency           = "PT5M"
  window_size         = "PT15M"
  tags                = local.tags

  criteria {
    metric_namespace = "Microsoft.App/containerapps"
    metric_name      = "RestartCount"
    aggregation      = "Maximum"
    operator         = "GreaterThan"
    threshold        = 2
  }

  action {
    action_group_id = azurerm_monitor_action_group.on_call.id
  }
}

resource "azurerm_consumption_budget_resource_group" "main" {
  name              = "${var.name}-monthly"
  resource_group_id = azurerm_resource_group.main.id
  amount            = var.budget
  time_grain        = "Monthly"

  time_period {
    start_date = formatdate("YYYY-MM-01'T'00:00:00'Z'", plantimestamp())
  }

  notification {
    threshold      = 80
    operator       = "GreaterThanOrEqualTo"
    threshold_type = "Actual"
    contact_emails = var.alert_email[*]
    contact_roles  = var.alert_email == null ? ["Owner"] : []
  }

  notification {
    threshold      = 100
    operator       = "GreaterThanOrEqualTo"
    threshold_type = "Actual"
    contact_emails = var.alert_email[*]
    contact_roles  = var.alert_email == null ? ["Owner"] : []
  }

  notification {
    threshold      = 100
    operator       = "GreaterThanOrEqualTo"
    threshold_type = "Forecasted"
    contact_emails = var.alert_email[*]
    contact_roles  = var.alert_email == null ? ["Owner"] : []
  }

  # It starts in the month of the first apply; a later one must not make it anew.
  lifecycle {
    ignore_changes = [time_period]
  }
}
