mock_provider "azurerm" {
  source = "./tests/mocks"
}

variables {
  subscription_id = "00000000-0000-0000-0000-000000000001"
  alert_email     = "on-call@example.org"
}

run "front_door_is_the_default_and_weighs_both_regions_alike" {
  command = plan

  assert {
    condition     = length(azurerm_cdn_frontdoor_profile.main) == 1 && length(azurerm_traffic_manager_profile.main) == 0 && length(azurerm_traffic_manager_external_endpoint.region) == 0
    error_message = "Front Door alone was to be made"
  }

  assert {
    condition     = azurerm_cdn_frontdoor_profile.main[0].sku_name == "Standard_AzureFrontDoor"
    error_message = "not the Standard tier"
  }

  assert {
    condition     = { for name, origin in azurerm_cdn_frontdoor_origin.region : name => [origin.enabled, origin.priority, origin.weight, origin.certificate_name_check_enabled] } == { east = [true, 1, 500, true], west = [true, 1, 500, true] }
    error_message = "the origins do not share users alike"
  }

  assert {
    condition     = azurerm_cdn_frontdoor_origin_group.main[0].session_affinity_enabled == false && azurerm_cdn_frontdoor_origin_group.main[0].load_balancing[0].additional_latency_in_milliseconds == 1000
    error_message = "users stick to a region, or the nearest one wins over the weights"
  }

  assert {
    condition     = azurerm_cdn_frontdoor_origin_group.main[0].health_probe[0].path == "/health" && azurerm_cdn_frontdoor_origin_group.main[0].health_probe[0].interval_in_seconds == 10 && azurerm_cdn_frontdoor_origin_group.main[0].load_balancing[0].sample_size == 4 && azurerm_cdn_frontdoor_origin_group.main[0].load_balancing[0].successful_samples_required == 2
    error_message = "a region that is down is not noticed in time"
  }

  assert {
    condition     = azurerm_cdn_frontdoor_route.main[0].https_redirect_enabled && azurerm_cdn_frontdoor_route.main[0].forwarding_protocol == "HttpsOnly" && length(azurerm_cdn_frontdoor_route.main[0].cache) == 0
    error_message = "something travels in the clear, or out of a cache"
  }

  assert {
    condition     = output.dns_record == null
    error_message = "a record is asked for that nobody needs"
  }
}

run "front_door_sends_each_origin_the_name_that_it_knows" {
  command = apply

  override_resource {
    target = azurerm_container_app.demo
    values = {
      id      = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch/providers/Microsoft.App/containerApps/one"
      ingress = { fqdn = "overwatch-demo.calm-sea-0.azurecontainerapps.io" }
    }
  }

  assert {
    condition     = alltrue([for origin in azurerm_cdn_frontdoor_origin.region : origin.host_name == "overwatch-demo.calm-sea-0.azurecontainerapps.io" && origin.origin_host_header == origin.host_name])
    error_message = "an origin is asked for another host than its app"
  }

  assert {
    condition     = output.public_url == "https://overwatch-0.z01.azurefd.net"
    error_message = "the public address is not Front Door's"
  }
}

run "traffic_manager_is_the_other_choice" {
  command = apply

  variables {
    traffic = "traffic_manager"
    domain  = "app.example.org"
  }

  override_resource {
    target = azurerm_container_app.demo
    values = {
      id      = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch/providers/Microsoft.App/containerApps/one"
      ingress = { fqdn = "overwatch-demo.calm-sea-0.azurecontainerapps.io" }
    }
  }

  assert {
    condition     = length(azurerm_cdn_frontdoor_profile.main) == 0 && length(azurerm_cdn_frontdoor_origin.region) == 0 && length(azurerm_cdn_frontdoor_route.main) == 0
    error_message = "Front Door is made, and paid for, beside Traffic Manager"
  }

  assert {
    condition     = azurerm_traffic_manager_profile.main[0].traffic_routing_method == "Weighted" && azurerm_traffic_manager_profile.main[0].dns_config[0].ttl == 10
    error_message = "not weighted, or kept for too long by resolvers"
  }

  assert {
    condition     = azurerm_traffic_manager_profile.main[0].monitor_config[0].protocol == "HTTPS" && azurerm_traffic_manager_profile.main[0].monitor_config[0].path == "/health" && azurerm_traffic_manager_profile.main[0].monitor_config[0].interval_in_seconds == 10
    error_message = "a region that is down is not noticed in time"
  }

  assert {
    condition     = { for name, endpoint in azurerm_traffic_manager_external_endpoint.region : name => [endpoint.enabled, endpoint.weight, endpoint.custom_header[0].value == endpoint.target] } == { east = [true, 500, true], west = [true, 500, true] }
    error_message = "the endpoints do not share users alike, or a probe asks for another host than the app"
  }

  assert {
    condition     = output.public_url == "https://app.example.org" && output.dns_record == "app.example.org CNAME overwatch-0.trafficmanager.net"
    error_message = "the public address is not the domain, or its record is not told"
  }
}
