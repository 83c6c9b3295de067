# A swarm whose process runs and that no longer thinks looks well to every metric. Its log does not: it tells every minute how each agent is.
resource "azurerm_monitor_scheduled_query_rules_alert_v2" "silent" {
  name                = "${var.swarm_app}-silent"
  display_name        = "The swarm is silent"
  description         = "In 10 minutes no heartbeat of ${var.swarm_app} came without an agent that is down: nobody watches, or the logs are full for today."
  resource_group_name = var.resource_group
  location            = var.location
  scopes              = [var.workspace_id]
  severity            = 1
  tags                = { application = "overwatch", managed-by = "terraform" }

  evaluation_frequency    = "PT5M"
  window_duration         = "PT10M"
  auto_mitigation_enabled = true

  criteria {
    # One row whatever comes: an empty answer would raise no alert, and silence is what this is about.
    query                   = <<-KQL
      ContainerAppConsoleLogs_CL
      | where ContainerAppName_s == "${var.swarm_app}" and Log_s has "heartbeat"
      | extend beat = parse_json(Log_s)
      | where tostring(beat.kind) == "heartbeat" and not(tostring(beat.agents) has "down")
      | summarize heartbeats = count()
    KQL
    time_aggregation_method = "Total"
    metric_measure_column   = "heartbeats"
    operator                = "LessThan"
    threshold               = 1

    failing_periods {
      minimum_failing_periods_to_trigger_alert = 1
      number_of_evaluation_periods             = 1
    }
  }

  action {
    action_groups = [var.action_group_id]
  }
}
