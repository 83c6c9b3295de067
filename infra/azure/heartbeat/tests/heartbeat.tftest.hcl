mock_provider "azurerm" {}

variables {
  subscription_id = "00000000-0000-0000-0000-000000000001"
  resource_group  = "overwatch"
  location        = "centralus"
  workspace_id    = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch/providers/Microsoft.OperationalInsights/workspaces/overwatch-logs"
  action_group_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch/providers/Microsoft.Insights/actionGroups/overwatch-on-call"
  swarm_app       = "overwatch-swarm"
}

run "ten_minutes_without_a_heartbeat_wake_somebody" {
  command = plan

  assert {
    condition     = azurerm_monitor_scheduled_query_rules_alert_v2.silent.window_duration == "PT10M" && azurerm_monitor_scheduled_query_rules_alert_v2.silent.criteria[0].operator == "LessThan" && azurerm_monitor_scheduled_query_rules_alert_v2.silent.criteria[0].threshold == 1
    error_message = "not fewer than one heartbeat in 10 minutes"
  }

  assert {
    condition     = strcontains(azurerm_monitor_scheduled_query_rules_alert_v2.silent.criteria[0].query, "ContainerAppName_s == \"overwatch-swarm\"") && strcontains(azurerm_monitor_scheduled_query_rules_alert_v2.silent.criteria[0].query, "| summarize heartbeats = count()")
    error_message = "the query counts another app's lines, or answers silence with no row"
  }

  assert {
    condition     = strcontains(azurerm_monitor_scheduled_query_rules_alert_v2.silent.criteria[0].query, "tostring(beat.kind) == \"heartbeat\" and not(tostring(beat.agents) has \"down\")")
    error_message = "other lines count as heartbeats, or those of a swarm with an agent that is down"
  }

  assert {
    condition     = azurerm_monitor_scheduled_query_rules_alert_v2.silent.action[0].action_groups == tolist([var.action_group_id])
    error_message = "nobody is told"
  }
}

run "a_name_that_would_change_the_query_is_refused" {
  command = plan

  variables {
    swarm_app = "x\" or true //"
  }

  expect_failures = [var.swarm_app]
}

run "a_customer_id_in_place_of_the_workspace_is_refused" {
  command = plan

  variables {
    workspace_id = "00000000-0000-0000-0000-0000000000aa"
  }

  expect_failures = [var.workspace_id]
}

run "an_action_group_that_is_none_is_refused" {
  command = plan

  variables {
    action_group_id = "on-call"
  }

  expect_failures = [var.action_group_id]
}
