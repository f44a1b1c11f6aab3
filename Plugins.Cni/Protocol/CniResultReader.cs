using System.Collections.Immutable;
using System.Net;
using System.Text.Json;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>Reads a result of any version: a delegate's answer, or <c>prevResult</c>.</summary>
/// <remarks>By shape, not by the version it names: plugins of 0.2.0 leave the version out.</remarks>
internal static class CniResultReader
{
    /// <exception cref="CniException">It is not a result.</exception>
    public static CniResult Read(ReadOnlyMemory<byte> output, string writtenBy)
    {
        var faults = new List<string>();
        try
        {
            using var document = JsonDocument.Parse(output);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new CniException(CniCode.Undecodable, $"{writtenBy} answered with something that is not a result");
            }

            var result = Read(new ConfigurationObject(document.RootElement, "", faults));
            return faults.Count == 0
                ? result
                : throw new CniException(CniCode.Undecodable, $"{writtenBy} answered with a broken result: {faults[0]}",
                    string.Join("; ", faults));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a text that is not UTF-8.
            throw new CniException(CniCode.Undecodable, $"{writtenBy} answered with something that is not JSON", e.Message);
        }
    }

    public static CniResult Read(ConfigurationObject root)
    {
        var addresses = ImmutableArray.CreateBuilder<CniAddress>();
        var routes = ImmutableArray.CreateBuilder<CniRoute>();
        foreach (var ip in root.Objects("ips"))
        {
            ReadAddress(ip, "address", ip.Has("interface") ? ip.Number("interface", 0, 1024) : null, addresses);
        }

        ReadRoutes(root, routes);
        foreach (var family in (string[])["ip4", "ip6"])
        {
            var old = root.Object(family);
            if (!old.IsPresent)
            {
                continue;
            }

            ReadAddress(old, "ip", null, addresses);
            ReadRoutes(old, routes);
        }

        return new CniResult
        {
            Interfaces = [.. root.Objects("interfaces").Select(i =>
                new CniInterface(i.Text("name"), i.Text("mac"), i.Text("sandbox"), i.Number("mtu", 0, 65536)))],
            Addresses = addresses.ToImmutable(),
            Routes = routes.ToImmutable(),
            Dns = root.Raw("dns"),
        };
    }

    public static void ReadRoutes(ConfigurationObject root, ImmutableArray<CniRoute>.Builder routes)
    {
        foreach (var route in root.Objects("routes"))
        {
            if (!InterfaceAddress.TryParse(route.Text("dst"), out var destination))
            {
                route.Fault("dst", $"\"{route.Text("dst")}\" is not a CIDR");
            }
            else
            {
                routes.Add(new CniRoute(destination.ToNetwork(), ReadGateway(route, "gw")));
            }
        }
    }

    private static void ReadAddress(ConfigurationObject ip, string field, int? link, ImmutableArray<CniAddress>.Builder addresses)
    {
        if (!InterfaceAddress.TryParse(ip.Text(field), out var address))
        {
            ip.Fault(field, $"\"{ip.Text(field)}\" is not an address with a prefix length");
        }
        else
        {
            addresses.Add(new CniAddress(address, ReadGateway(ip, "gateway"), link));
        }
    }

    private static IPAddress? ReadGateway(ConfigurationObject at, string field)
    {
        var text = at.Text(field);
        if (text.Length == 0)
        {
            return null;
        }

        if (InterfaceAddress.TryParse(text, out var gateway))
        {
            return gateway.Address;
        }

        at.Fault(field, $"\"{text}\" is not an address");
        return null;
    }
}
