resource "azurerm_traffic_manager_profile" "main" {
  count = local.traffic_manager ? 1 : 0

  name                   = "${var.name}-traffic"
  resource_group_name    = azurerm_resource_group.main.name
  traffic_routing_method = "Weighted"
  tags                   = local.tags

  dns_config {
    relative_name = "${var.name}-${local.suffix}"
    ttl           = var.dns_ttl_s
  }

  monitor_config {
    protocol                     = "HTTPS"
    port                         = 443
    path                         = "/health"
    expected_status_code_ranges  = ["200-299"]
    interval_in_seconds          = 10
    timeout_in_seconds           = 5
    tolerated_number_of_failures = 2
  }
}

resource "azurerm_traffic_manager_external_endpoint" "region" {
  for_each = local.traffic_manager ? var.regions : {}

  name              = each.key
  profile_id        = azurerm_traffic_manager_profile.main[0].id
  target            = azurerm_container_app.demo[each.key].ingress[0].fqdn
  endpoint_location = each.value
  enabled           = true
  weight            = local.equal_weight

  # Many apps share one address, so a probe finds its app by this name alone.
  custom_header {
    name  = "host"
    value = azurerm_container_app.demo[each.key].ingress[0].fqdn
  }

  # Overwatch moves users with these: an apply that put them back would send users into a region that is down.
  lifecycle {
    ignore_changes = [enabled, weight]
  }
}
