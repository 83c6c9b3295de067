# What Azure would answer, in the shapes that other resources are checked to be given.

mock_resource "azurerm_resource_group" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch" }
}

mock_resource "azurerm_container_registry" {
  defaults = {
    id           = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch/providers/Microsoft.ContainerRegistry/registries/overwatch0"
    login_server = "overwatch0.azurecr.io"
  }
}

mock_resource "azurerm_log_analytics_workspace" {
  defaults = {
    id           = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch/providers/Microsoft.OperationalInsights/workspaces/overwatch-logs"
    workspace_id = "00000000-0000-0000-0000-0000000000aa"
  }
}

mock_resource "azurerm_user_assigned_identity" {
  defaults = {
    id           = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one"
    client_id    = "00000000-0000-0000-0000-0000000000bb"
    principal_id = "00000000-0000-0000-0000-0000000000cc"
  }
}

mock_resource "azurerm_role_definition" {
  defaults = { role_definition_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000001/providers/Microsoft.Authorization/roleDefinitions/00000000-0000-0000-0000-0000000000dd" }
}

mock_resource "azurerm_container_app_environment" {
  defaults = {
    id             = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch/providers/Microsoft.App/managedEnvironments/one"
    default_domain = "calm-sea-0.azurecontainerapps.io"
  }
}

mock_resource "azurerm_container_app" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch/providers/Microsoft.App/containerApps/one" }
}

mock_resource "azurerm_cdn_frontdoor_profile" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch/providers/Microsoft.Cdn/profiles/overwatch-front-door" }
}

mock_resource "azurerm_cdn_frontdoor_endpoint" {
  defaults = {
    id        = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch/providers/Microsoft.Cdn/profiles/overwatch-front-door/afdEndpoints/overwatch"
    host_name = "overwatch-0.z01.azurefd.net"
  }
}

mock_resource "azurerm_cdn_frontdoor_origin_group" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch/providers/Microsoft.Cdn/profiles/overwatch-front-door/originGroups/regions" }
}

mock_resource "azurerm_cdn_frontdoor_origin" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch/providers/Microsoft.Cdn/profiles/overwatch-front-door/originGroups/regions/origins/one" }
}

mock_resource "azurerm_traffic_manager_profile" {
  defaults = {
    id   = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch/providers/Microsoft.Network/trafficManagerProfiles/overwatch-traffic"
    fqdn = "overwatch-0.trafficmanager.net"
  }
}

mock_resource "azurerm_monitor_action_group" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch/providers/Microsoft.Insights/actionGroups/overwatch-on-call" }
}
