data "azurerm_client_config" "current" {}

locals {
  subscription_id = coalesce(var.subscription_id, data.azurerm_client_config.current.subscription_id)

  # Registries and Traffic Manager share one name space with the whole world; the same subscription always gets the same suffix.
  suffix = substr(sha256("${lower(local.subscription_id)}/${var.name}"), 0, 8)

  tags = merge(var.tags, { application = "overwatch", managed-by = "terraform" })

  front_door      = var.traffic == "front_door"
  traffic_manager = var.traffic == "traffic_manager"

  target     = "mini-app"
  demo_port  = 8000 # where the image listens
  demo_apps  = { for region in keys(var.regions) : region => "${var.name}-demo-${region}" }
  swarm_app  = "${var.name}-swarm"
  public_url = local.front_door ? "https://${azurerm_cdn_frontdoor_endpoint.main[0].host_name}" : "https://${var.domain}"

  # Known before the apps are, so that each can be told of its peers.
  demo_urls = { for region, environment in azurerm_container_app_environment.demo : region => "https://${local.demo_apps[region]}.${environment.default_domain}" }

  # Equal shares, on the scale of 1 to 1000 that Front Door and Traffic Manager have in common.
  equal_weight = floor(1000 / length(var.regions))
}
