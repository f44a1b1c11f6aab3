using Calico.Datastore.Addresses;
using Calico.Datastore.Resources.Formats;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>Rules over the members of one policy rule.</summary>
internal static class RuleRules
{
    private static readonly string[] Sides = ["source", "destination"];
    private static readonly string[] PortLists = ["ports", "notPorts"];
    private static readonly string[] NetLists = ["nets", "notNets"];

    internal static void IpVersion(JsonObjectView it, ShapeReport report)
    {
        if (it.Number("ipVersion") is { } version and not (4 or 6))
        {
            report.Add(it.At("ipVersion"), $"must be 4 or 6, not {version}");
        }
    }

    /// <summary>A named port brings its protocol with it; a number means nothing without one.</summary>
    internal static void PortsFitProtocol(JsonObjectView it, ShapeReport report)
    {
        var protocol = it.NumberOrText("protocol");
        if (NumberFormats.HasPorts(protocol))
        {
            return;
        }

        foreach (var side in Sides)
        {
            foreach (var list in PortLists)
            {
                var entity = it.Object(side);
                if (protocol is not null && entity.Has(list))
                {
                    report.Add(entity.At(list), "rules that specify ports must set protocol to TCP or UDP or SCTP");
                }
                else if (entity.Items(list).Any(IsNumeric))
                {
                    report.Add(entity.At(list), "rules with numeric port or port range must set protocol to TCP or UDP or SCTP");
                }
            }
        }
    }

    internal static void OneFamily(JsonObjectView it, ShapeReport report)
    {
        var versions = Sides.SelectMany(side => NetLists.SelectMany(list => it.Object(side).Texts(list)))
            .Select(net => Cidr.TryParse(net, out var cidr) ? cidr.Version : 0)
            .Where(version => version != 0).Distinct().ToArray();
        if (versions.Length > 1)
        {
            report.Add(it.Path, "rule contains both IPv4 and IPv6 CIDRs");
        }
        else if (versions.Length == 1 && it.Number("ipVersion") is { } wanted && wanted != versions[0])
        {
            report.Add(it.At("ipVersion"), "rule IP version doesn't match CIDR version");
        }
    }

    internal static void IcmpFitsProtocol(JsonObjectView it, ShapeReport report)
    {
        foreach (var name in new[] { "icmp", "notICMP" })
        {
            if (it.IsSet(name) && !IsIcmp(it.NumberOrText("protocol")))
            {
                report.Add(it.At(name), "protocol must be set to 'ICMP' or 'ICMPv6' if 'icmp' or 'notICMP' is set");
            }
        }
    }

    internal static void IcmpFitsVersion(JsonObjectView it, ShapeReport report)
    {
        foreach (var name in new[] { "protocol", "notProtocol" })
        {
            var protocol = it.NumberOrText(name);
            if (NumberFormats.IsProtocol(protocol, "ICMP", 1) && it.Number("ipVersion") is 6)
            {
                report.Add(it.At("ipVersion"), $"must be 4 or unset with {name} ICMP");
            }
            else if (NumberFormats.IsProtocol(protocol, "ICMPv6", 58) && it.Number("ipVersion") is 4)
            {
                report.Add(it.At("ipVersion"), $"must be 6 or unset with {name} ICMPv6");
            }
        }
    }

    internal static void HttpFits(JsonObjectView it, ShapeReport report)
    {
        if (!it.IsSet("http"))
        {
            return;
        }

        if (it.NumberOrText("protocol") is { } protocol && !NumberFormats.IsProtocol(protocol, "TCP", 6))
        {
            report.Add(it.At("http"), "rules with HTTP match must have protocol TCP or unset");
        }

        if (it.Text("action") != "Allow")
        {
            report.Add(it.At("http"), "HTTP match is only valid on Allow rules");
        }
    }

    // The services of a source say who sends; only with a destination do they bring ports along, which a port list would contradict.
    internal static void ServicesWithoutPorts(JsonObjectView it, ShapeReport report)
    {
        var destination = it.Object("destination");
        if (destination.IsSet("services") && (destination.Has("ports") || destination.Has("notPorts")))
        {
            report.Add(destination.At("services"), "ports and notPorts cannot be specified with services");
        }
    }

    internal static void NoHttp(JsonObjectView it, ShapeReport report)
    {
        if (it.IsSet("http"))
        {
            report.Add(it.At("http"), "not allowed in egress rule");
        }
    }

    internal static ObjectCheck NoServicesIn(string side, string direction) => (it, report) =>
    {
        if (it.Object(side).IsSet("services"))
        {
            report.Add(it.Object(side).At("services"), $"not allowed in {direction} rule {side}");
        }
    };

    internal static void ServicesNameTheirNamespace(JsonObjectView it, ShapeReport report)
    {
        foreach (var side in Sides)
        {
            var services = it.Object(side).Object("services");
            if (it.Object(side).IsSet("services") && !services.Has("namespace"))
            {
                report.Add(services.At("namespace"), "must specify a namespace");
            }
        }
    }

    private static bool IsNumeric(System.Text.Json.JsonElement port) =>
        JsonObjectView.NumberOrTextOf(port) is { } value && NumberFormats.TryParsePorts(value, out _, out _);

    private static bool IsIcmp(NumberOrString? protocol) =>
        NumberFormats.IsProtocol(protocol, "ICMP", 1) || NumberFormats.IsProtocol(protocol, "ICMPv6", 58);
}
