mock_provider "azurerm" {
  source = "./tests/mocks"
}

variables {
  subscription_id = "00000000-0000-0000-0000-000000000001"
  alert_email     = "on-call@example.org"
}

run "no_role_deletes_reads_secrets_or_enters_a_container" {
  command = plan

  assert {
    condition = alltrue([for action in concat(
      azurerm_role_definition.swarm.permissions[0].actions,
      azurerm_role_definition.watch.permissions[0].actions,
      azurerm_role_definition.operations.permissions[0].actions,
    ) : !can(regex("(?i)\\*|delete|secret|key|exec|token|debug|roleAssignments|roleDefinitions", action))])
    error_message = "a role may delete, read secrets, enter a container, hand out rights, or has a wildcard"
  }

  assert {
    condition = alltrue([for role in [azurerm_role_definition.swarm, azurerm_role_definition.watch, azurerm_role_definition.operations] :
    role.permissions[0].data_actions == null || length(coalesce(role.permissions[0].data_actions, [])) == 0])
    error_message = "a role has data actions"
  }
}

run "watching_and_asking_only_read" {
  command = plan

  assert {
    condition     = alltrue([for action in concat(azurerm_role_definition.watch.permissions[0].actions, azurerm_role_definition.operations.permissions[0].actions) : endswith(action, "/read")])
    error_message = "a role that only looks may change something"
  }
}

run "the_swarm_may_do_what_the_tools_need_and_no_more" {
  command = plan

  assert {
    condition = toset([for action in azurerm_role_definition.swarm.permissions[0].actions : action if !endswith(action, "/read")]) == toset([
      "Microsoft.App/containerApps/write",
      "Microsoft.App/containerApps/revisions/restart/action",
      "Microsoft.App/containerApps/revisions/activate/action",
      "Microsoft.App/containerApps/revisions/deactivate/action",
      "Microsoft.App/managedEnvironments/join/action",
      "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
      "Microsoft.Cdn/profiles/origingroups/origins/write",
    ])
    error_message = "the swarm's writes are not the ones that are documented"
  }

  assert {
    condition     = length(setsubtract(azurerm_role_definition.watch.permissions[0].actions, azurerm_role_definition.swarm.permissions[0].actions)) == 0
    error_message = "the swarm acts on what it can't see"
  }
}

run "with_traffic_manager_the_roles_know_no_front_door" {
  command = plan

  variables {
    traffic = "traffic_manager"
    domain  = "app.example.org"
  }

  assert {
    condition     = contains(azurerm_role_definition.swarm.permissions[0].actions, "Microsoft.Network/trafficManagerProfiles/externalEndpoints/write")
    error_message = "the swarm can't move users"
  }

  assert {
    condition = !anytrue([for action in concat(
      azurerm_role_definition.swarm.permissions[0].actions,
      azurerm_role_definition.watch.permissions[0].actions,
      azurerm_role_definition.operations.permissions[0].actions,
    ) : startswith(action, "Microsoft.Cdn/")])
    error_message = "a role reaches into a service that is not used"
  }
}

run "rights_are_given_on_single_resources" {
  command = plan

  assert {
    condition     = toset(keys(azurerm_role_assignment.swarm)) == toset(["app-east", "app-west", "environment-east", "environment-west", "traffic", "logs", "pull-identity"])
    error_message = "the swarm has its role on other things than the apps, their environments, the traffic, the logs and the pulling identity"
  }

  assert {
    condition     = toset(keys(azurerm_role_assignment.watch)) == toset(["app-east", "app-west", "environment-east", "environment-west", "traffic", "logs"])
    error_message = "the watching identity has its role on other things than what is watched"
  }
}

run "no_right_reaches_beyond_the_resource_group" {
  command = apply

  assert {
    condition     = alltrue([for assignment in concat(values(azurerm_role_assignment.swarm), values(azurerm_role_assignment.watch)) : can(regex("/resourceGroups/overwatch/providers/", assignment.scope))])
    error_message = "a role is given on a whole group or more"
  }

  assert {
    condition     = azurerm_role_assignment.operations.scope == azurerm_resource_group.main.id
    error_message = "asking about operations reaches beyond the group"
  }

  assert {
    condition     = alltrue([for role in [azurerm_role_definition.swarm, azurerm_role_definition.watch, azurerm_role_definition.operations] : role.assignable_scopes == tolist([azurerm_resource_group.main.id])])
    error_message = "a role can be given outside the group"
  }
}
