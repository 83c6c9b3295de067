mock_provider "azurerm" {
  source = "./tests/mocks"
}

variables {
  subscription_id = "00000000-0000-0000-0000-000000000001"
  alert_email     = "on-call@example.org"
}

run "the_demo_runs_in_two_regions_that_differ" {
  command = plan

  assert {
    condition     = { for region, environment in azurerm_container_app_environment.demo : region => environment.location } == { east = "eastus", west = "westus3" }
    error_message = "the environments are not East US and West US 3"
  }

  assert {
    condition     = toset(keys(azurerm_container_app.demo)) == toset(["east", "west"])
    error_message = "the demo is not in both regions"
  }

  assert {
    condition     = !contains([for environment in azurerm_container_app_environment.demo : environment.location], azurerm_container_app_environment.swarm.location)
    error_message = "the swarm shares a location with a region that it watches"
  }

  assert {
    condition     = azurerm_resource_group.main.location == azurerm_container_app_environment.swarm.location
    error_message = "the resource group's metadata, which every write needs, lies in a region that may go down"
  }
}

run "each_demo_app_is_probed_three_ways_and_never_empty" {
  command = plan

  assert {
    condition = alltrue([for app in azurerm_container_app.demo : alltrue([
      for probe in [app.template[0].container[0].startup_probe, app.template[0].container[0].readiness_probe, app.template[0].container[0].liveness_probe] :
      length(probe) == 1 && probe[0].path == "/health" && probe[0].port == 8000 && probe[0].transport == "HTTP"
    ])])
    error_message = "a demo app lacks one of its probes of GET /health on port 8000"
  }

  assert {
    condition     = alltrue([for app in azurerm_container_app.demo : app.template[0].min_replicas == 1 && app.template[0].max_replicas == 3 && length(app.template[0].http_scale_rule) == 1])
    error_message = "a demo app does not scale from 1 to 3 by its requests"
  }

  assert {
    condition     = alltrue([for app in azurerm_container_app.demo : app.revision_mode == "Single" && app.ingress[0].external_enabled && app.ingress[0].allow_insecure_connections == false && app.ingress[0].target_port == 8000])
    error_message = "a demo app is not reached over https alone on port 8000"
  }

  assert {
    condition = alltrue([for region, app in azurerm_container_app.demo : contains(
    [for variable in app.template[0].container[0].env : variable.value if variable.name == "MINI_APP_REGION"], region)])
    error_message = "a demo app does not answer with its own region"
  }
}

run "one_swarm_runs_without_a_door" {
  command = plan

  assert {
    condition     = azurerm_container_app.swarm.template[0].min_replicas == 1 && azurerm_container_app.swarm.template[0].max_replicas == 1
    error_message = "there is not exactly one swarm"
  }

  assert {
    condition     = length(azurerm_container_app.swarm.ingress) == 0
    error_message = "the swarm can be reached from outside"
  }

  assert {
    condition     = { for volume in azurerm_container_app.swarm.template[0].volume : volume.name => volume.storage_type } == { configuration = "Secret", home = "EmptyDir" }
    error_message = "the swarm's database is on a network share, or its configuration is no file"
  }

  assert {
    condition = startswith(
      one([for variable in azurerm_container_app.swarm.template[0].container[0].env : variable.value if variable.name == "OVERWATCH_HOME"]),
      "${one([for mount in azurerm_container_app.swarm.template[0].container[0].volume_mounts : mount.path if mount.name == "home"])}/",
    )
    error_message = "the swarm's home does not outlive a restart of its container"
  }

  assert {
    condition     = join(" ", concat(azurerm_container_app.swarm.template[0].container[0].command, azurerm_container_app.swarm.template[0].container[0].args)) == "overwatch-tui run --json"
    error_message = "the swarm does not run headless with lines of JSON, which its alert reads"
  }
}

run "nothing_has_a_password" {
  command = plan

  assert {
    condition     = azurerm_container_registry.main.admin_enabled == false && azurerm_container_registry.main.anonymous_pull_enabled == false
    error_message = "the registry lets in others than identities"
  }

  assert {
    condition     = azurerm_role_assignment.pull.role_definition_name == "AcrPull"
    error_message = "the pulling identity may do more than pull"
  }

  assert {
    condition     = alltrue([for app in azurerm_container_app.demo : length(app.secret) == 0])
    error_message = "a demo app has a secret"
  }
}

run "somebody_is_told_about_the_swarm_and_the_money" {
  command = plan

  assert {
    condition     = azurerm_monitor_action_group.on_call.email_receiver[0].email_address == "on-call@example.org"
    error_message = "nobody gets the alerts"
  }

  assert {
    condition     = azurerm_monitor_metric_alert.swarm_gone.criteria[0].metric_name == "Replicas" && azurerm_monitor_metric_alert.swarm_gone.criteria[0].operator == "LessThan" && azurerm_monitor_metric_alert.swarm_gone.criteria[0].threshold == 1
    error_message = "a swarm that is gone is not noticed"
  }

  assert {
    condition     = azurerm_monitor_metric_alert.swarm_restarts.criteria[0].metric_name == "RestartCount" && azurerm_monitor_metric_alert.swarm_restarts.criteria[0].operator == "GreaterThan"
    error_message = "a swarm that crashes again and again is not noticed"
  }

  assert {
    condition     = contains([for notification in azurerm_consumption_budget_resource_group.main.notification : notification.threshold_type], "Forecasted")
    error_message = "the budget warns only when the money is gone"
  }

  assert {
    condition     = can(regex("^[0-9]{4}-[0-9]{2}-01T00:00:00Z$", azurerm_consumption_budget_resource_group.main.time_period[0].start_date))
    error_message = "the budget does not start on the first of a month"
  }
}

run "everything_carries_the_tags" {
  command = plan

  variables {
    tags = { team = "payments" }
  }

  assert {
    condition = alltrue([for tags in concat(
      [azurerm_resource_group.main.tags, azurerm_container_registry.main.tags, azurerm_log_analytics_workspace.main.tags],
      [azurerm_container_app.swarm.tags, azurerm_container_app_environment.swarm.tags],
      [azurerm_user_assigned_identity.pull.tags, azurerm_user_assigned_identity.swarm.tags, azurerm_user_assigned_identity.watch.tags],
      [azurerm_cdn_frontdoor_profile.main[0].tags, azurerm_cdn_frontdoor_endpoint.main[0].tags],
      [azurerm_monitor_action_group.on_call.tags, azurerm_monitor_metric_alert.swarm_gone.tags, azurerm_monitor_metric_alert.swarm_restarts.tags],
      [for app in azurerm_container_app.demo : app.tags],
      [for environment in azurerm_container_app_environment.demo : environment.tags],
    ) : tags == tomap({ team = "payments", application = "overwatch", managed-by = "terraform" })])
    error_message = "a resource lacks a tag"
  }
}

run "a_third_region_is_a_matter_of_one_line" {
  command = plan

  variables {
    regions = { east = "eastus", west = "westus3", north = "northeurope" }
  }

  assert {
    condition     = length(azurerm_container_app.demo) == 3 && length(azurerm_cdn_frontdoor_origin.region) == 3
    error_message = "the third region has no app or no origin"
  }

  assert {
    condition     = alltrue([for origin in azurerm_cdn_frontdoor_origin.region : origin.weight == 333])
    error_message = "the regions do not share alike"
  }
}

run "without_an_address_the_owners_are_told" {
  command = plan

  variables {
    alert_email = null
  }

  assert {
    condition     = length(azurerm_monitor_action_group.on_call.email_receiver) == 0 && one(azurerm_monitor_action_group.on_call.arm_role_receiver).name == "owners"
    error_message = "Nobody would be told of an unwell swarm."
  }

  assert {
    condition     = alltrue([for one in azurerm_consumption_budget_resource_group.main.notification : contains(one.contact_roles, "Owner")])
    error_message = "Nobody would be told of the money."
  }
}
