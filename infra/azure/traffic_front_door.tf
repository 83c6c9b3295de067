resource "azurerm_cdn_frontdoor_profile" "main" {
  count = local.front_door ? 1 : 0

  name                     = "${var.name}-front-door"
  resource_group_name      = azurerm_resource_group.main.name
  sku_name                 = "Standard_AzureFrontDoor"
  response_timeout_seconds = 30
  tags                     = local.tags
}

resource "azurerm_cdn_frontdoor_endpoint" "main" {
  count = local.front_door ? 1 : 0

  name                     = var.name
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.main[0].id
  tags                     = local.tags
}

resource "azurerm_cdn_frontdoor_origin_group" "main" {
  count = local.front_door ? 1 : 0

  name                     = "regions"
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.main[0].id
  session_affinity_enabled = false

  health_probe {
    protocol            = "Https"
    request_type        = "GET"
    path                = "/health"
    interval_in_seconds = var.health_probe_interval_s
  }

  load_balancing {
    sample_size                 = 4
    successful_samples_required = 2
    # Front Door applies weights only among origins within this distance of the nearest one; the widest lets them hold for everybody.
    additional_latency_in_milliseconds = 1000
  }
}

resource "azurerm_cdn_frontdoor_origin" "region" {
  for_each = local.front_door ? var.regions : {}

  name                           = each.key
  cdn_frontdoor_origin_group_id  = azurerm_cdn_frontdoor_origin_group.main[0].id
  host_name                      = azurerm_container_app.demo[each.key].ingress[0].fqdn
  origin_host_header             = azurerm_container_app.demo[each.key].ingress[0].fqdn
  certificate_name_check_enabled = true
  http_port                      = 80
  https_port                     = 443
  enabled                        = true
  priority                       = 1
  weight                         = local.equal_weight

  # Overwatch moves users with these: an apply that put them back would send users into a region that is down.
  lifecycle {
    ignore_changes = [enabled, priority, weight]
  }
}

resource "azurerm_cdn_frontdoor_route" "main" {
  count = local.front_door ? 1 : 0

  name                          = "all"
  cdn_frontdoor_endpoint_id     = azurerm_cdn_frontdoor_endpoint.main[0].id
  cdn_frontdoor_origin_group_id = azurerm_cdn_frontdoor_origin_group.main[0].id
  cdn_frontdoor_origin_ids      = [for origin in azurerm_cdn_frontdoor_origin.region : origin.id]
  supported_protocols           = ["Http", "Https"]
  patterns_to_match             = ["/*"]
  forwarding_protocol           = "HttpsOnly"
  https_redirect_enabled        = true
  link_to_default_domain        = true
}
