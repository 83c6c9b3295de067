output "public_url" {
  description = "The address that users use."
  value       = local.public_url
}

output "region_urls" {
  description = "Each region's own address."
  value       = local.demo_urls
}

output "resource_group" {
  description = "The resource group that everything lies in."
  value       = azurerm_resource_group.main.name
}

output "registry" {
  description = "The registry's name, for `az acr build --registry`."
  value       = azurerm_container_registry.main.name
}

output "container_apps" {
  description = "The demo's container app in each region."
  value       = local.demo_apps
}

output "swarm_app" {
  description = "The swarm's container app."
  value       = azurerm_container_app.swarm.name
}

output "traffic" {
  description = "What moves users between regions: its kind, its profile, and the origin or endpoint of each region."
  value = {
    kind         = var.traffic
    profile      = local.front_door ? azurerm_cdn_frontdoor_profile.main[0].name : azurerm_traffic_manager_profile.main[0].name
    origin_group = local.front_door ? azurerm_cdn_frontdoor_origin_group.main[0].name : null
    regions      = { for region in keys(var.regions) : region => region }
  }
}

output "dns_record" {
  description = "The CNAME record that Traffic Manager needs; null with Front Door."
  value       = local.traffic_manager ? "${var.domain} CNAME ${azurerm_traffic_manager_profile.main[0].fqdn}" : null
}

output "identities" {
  description = "Client ids: `swarm` acts, `watch` only looks."
  value = {
    swarm = azurerm_user_assigned_identity.swarm.client_id
    watch = azurerm_user_assigned_identity.watch.client_id
  }
}

output "log_workspace" {
  description = "The workspace id (customer id) that queries of logs name."
  value       = azurerm_log_analytics_workspace.main.workspace_id
}

output "overwatch_toml" {
  description = "A complete overwatch.toml for your own machine: `terraform output -raw overwatch_toml > overwatch.toml`."
  value       = local.overwatch_toml.person
}

output "heartbeat_tfvars" {
  description = "The variables of heartbeat/: `terraform output -raw heartbeat_tfvars > heartbeat/terraform.tfvars`."
  value       = <<-EOT
    subscription_id = ${jsonencode(local.subscription_id)}
    resource_group  = ${jsonencode(azurerm_resource_group.main.name)}
    location        = ${jsonencode(azurerm_resource_group.main.location)}
    workspace_id    = ${jsonencode(azurerm_log_analytics_workspace.main.id)}
    action_group_id = ${jsonencode(azurerm_monitor_action_group.on_call.id)}
    swarm_app       = ${jsonencode(azurerm_container_app.swarm.name)}
  EOT
}
