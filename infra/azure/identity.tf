# Three identities: one that pulls images, one that acts, one that only looks. No password anywhere.

resource "azurerm_user_assigned_identity" "pull" {
  name                = "${var.name}-pull"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  tags                = local.tags
}

resource "azurerm_user_assigned_identity" "swarm" {
  name                = "${var.name}-swarm"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  tags                = local.tags
}

resource "azurerm_user_assigned_identity" "watch" {
  name                = "${var.name}-watch"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  tags                = local.tags
}

resource "azurerm_role_assignment" "pull" {
  scope                = azurerm_container_registry.main.id
  role_definition_name = "AcrPull"
  principal_id         = azurerm_user_assigned_identity.pull.principal_id
  principal_type       = "ServicePrincipal"
}

locals {
  # README.md says why each action is there. What is missing is missing on purpose: delete, listSecrets, exec, getAuthToken (which opens exec).
  traffic_reads = local.front_door ? [
    "Microsoft.Cdn/profiles/read",
    "Microsoft.Cdn/profiles/origingroups/read",
    "Microsoft.Cdn/profiles/origingroups/origins/read",
    ] : [
    "Microsoft.Network/trafficManagerProfiles/read",
    "Microsoft.Network/trafficManagerProfiles/externalEndpoints/read",
  ]

  traffic_writes = local.front_door ? ["Microsoft.Cdn/profiles/origingroups/origins/write"] : ["Microsoft.Network/trafficManagerProfiles/externalEndpoints/write"]

  watch_actions = concat([
    "Microsoft.App/containerApps/read",
    "Microsoft.App/containerApps/revisions/read",
    "Microsoft.App/containerApps/revisions/replicas/read",
    "Microsoft.App/managedEnvironments/read",
    "Microsoft.Insights/metrics/read",
    "Microsoft.OperationalInsights/workspaces/read",
    "Microsoft.OperationalInsights/workspaces/query/read",
    "Microsoft.OperationalInsights/workspaces/query/Tables.Custom/read",
  ], local.traffic_reads)

  swarm_actions = concat(local.watch_actions, [
    "Microsoft.App/containerApps/write",
    "Microsoft.App/containerApps/revisions/restart/action",
    "Microsoft.App/containerApps/revisions/activate/action",
    "Microsoft.App/containerApps/revisions/deactivate/action",
    "Microsoft.App/managedEnvironments/join/action",
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
  ], local.traffic_writes)

  operation_actions = concat([
    "Microsoft.App/locations/containerappOperationResults/read",
    "Microsoft.App/locations/containerappOperationStatuses/read",
  ], local.front_door ? ["Microsoft.Cdn/operationresults/profileresults/origingroupresults/originresults/read"] : [])

  traffic_profile = local.front_door ? azurerm_cdn_frontdoor_profile.main[0].id : azurerm_traffic_manager_profile.main[0].id

  # What can be looked at, and nothing around it. An action means something only on the kind of resource that it is about.
  watched = merge(
    { for region, app in azurerm_container_app.demo : "app-${region}" => app.id },
    { for region, environment in azurerm_container_app_environment.demo : "environment-${region}" => environment.id },
    { traffic = local.traffic_profile, logs = azurerm_log_analytics_workspace.main.id },
  )
}

resource "azurerm_role_definition" "swarm" {
  name              = "Overwatch swarm (${var.name}-${local.suffix})"
  description       = "Restart, scale and deploy the demo, and move its users. No delete, no secrets, no way into a container."
  scope             = azurerm_resource_group.main.id
  assignable_scopes = [azurerm_resource_group.main.id]

  permissions {
    actions = local.swarm_actions
  }
}

resource "azurerm_role_definition" "watch" {
  name              = "Overwatch watch (${var.name}-${local.suffix})"
  description       = "Look at the demo, its traffic, its metrics and its logs. Changes nothing."
  scope             = azurerm_resource_group.main.id
  assignable_scopes = [azurerm_resource_group.main.id]

  permissions {
    actions = local.watch_actions
  }
}

resource "azurerm_role_definition" "operations" {
  name              = "Overwatch operations (${var.name}-${local.suffix})"
  description       = "Ask how a write that was sent is getting on. Changes nothing."
  scope             = azurerm_resource_group.main.id
  assignable_scopes = [azurerm_resource_group.main.id]

  permissions {
    actions = local.operation_actions
  }
}

resource "azurerm_role_assignment" "swarm" {
  # Setting an image or the replicas sends the whole app, and with it the identity that it pulls with.
  for_each = merge(local.watched, { pull-identity = azurerm_user_assigned_identity.pull.id })

  scope              = each.value
  role_definition_id = azurerm_role_definition.swarm.role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.swarm.principal_id
  principal_type     = "ServicePrincipal"
}

resource "azurerm_role_assignment" "watch" {
  for_each = local.watched

  scope              = each.value
  role_definition_id = azurerm_role_definition.watch.role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.watch.principal_id
  principal_type     = "ServicePrincipal"
}

resource "azurerm_role_assignment" "operations" {
  # Answers about running operations lie beside the resources, in the resource group, so this one can't be narrower.
  scope              = azurerm_resource_group.main.id
  role_definition_id = azurerm_role_definition.operations.role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.swarm.principal_id
  principal_type     = "ServicePrincipal"
}

resource "azurerm_role_assignment" "model" {
  count = var.model == null ? 0 : 1

  scope                = var.model.account_id
  role_definition_name = "Cognitive Services OpenAI User"
  principal_id         = local.swarm_identity.principal_id
  principal_type       = "ServicePrincipal"
}
