using System.Text.Json;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>Writes a result in the shape of the version that was asked for.</summary>
internal static class CniResultWriter
{
    public static byte[] Write(CniResult result, CniVersion version)
    {
        using var buffer = new MemoryStream(512);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("cniVersion"u8, version.ToString());
            if (version.HasFamilyObjects)
            {
                WriteFamilies(writer, result);
            }
            else
            {
                WriteLists(writer, result, version);
            }
            // Always there, as Go's types write it: 0.2.0 readers index into it.
            writer.WritePropertyName("dns"u8);
            writer.WriteRawValue(result.Dns.Length > 0 ? result.Dns : "{}");
            writer.WriteEndObject();
        }

        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }

    /// <summary>0.1.0 and 0.2.0 know one address of a family; the first wins.</summary>
    private static void WriteFamilies(Utf8JsonWriter writer, CniResult result)
    {
        foreach (var ipv4 in (ReadOnlySpan<bool>)[true, false])
        {
            var first = result.Addresses.FirstOrDefault(a => a.Address.IsIpv4 == ipv4);
            if (first is null)
            {
                continue;
            }

            writer.WriteStartObject(ipv4 ? "ip4"u8 : "ip6"u8);
            writer.WriteString("ip"u8, first.Address.ToString());
            if (first.Gateway is not null)
            {
                writer.WriteString("gateway"u8, first.Gateway.ToString());
            }

            WriteRoutes(writer, result.Routes.Where(r => r.Destination.BaseAddress.AddressFamily == first.Address.Address.AddressFamily));
            writer.WriteEndObject();
        }
    }

    private static void WriteLists(Utf8JsonWriter writer, CniResult result, CniVersion version)
    {
        if (!result.Interfaces.IsEmpty)
        {
            writer.WriteStartArray("interfaces"u8);
            foreach (var link in result.Interfaces)
            {
                writer.WriteStartObject();
                writer.WriteString("name"u8, link.Name);
                if (link.Mac.Length > 0)
                {
                    writer.WriteString("mac"u8, link.Mac);
                }

                if (version.HasInterfaceMtu && link.Mtu > 0)
                {
                    writer.WriteNumber("mtu"u8, link.Mtu);
                }

                if (link.Sandbox.Length > 0)
                {
                    writer.WriteString("sandbox"u8, link.Sandbox);
                }

                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }

        if (!result.Addresses.IsEmpty)
        {
            writer.WriteStartArray("ips"u8);
            foreach (var address in result.Addresses)
            {
                writer.WriteStartObject();
                if (version.HasAddressFamily)
                {
                    writer.WriteString("version"u8, address.Address.IsIpv4 ? "4"u8 : "6"u8);
                }

                if (address.Interface is { } index)
                {
                    writer.WriteNumber("interface"u8, index);
                }

                writer.WriteString("address"u8, address.Address.ToString());
                if (address.Gateway is not null)
                {
                    writer.WriteString("gateway"u8, address.Gateway.ToString());
                }

                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }

        WriteRoutes(writer, result.Routes);
    }

    private static void WriteRoutes(Utf8JsonWriter writer, IEnumerable<CniRoute> routes)
    {
        var started = false;
        foreach (var route in routes)
        {
            if (!started)
            {
                writer.WriteStartArray("routes"u8);
            }

            started = true;
            writer.WriteStartObject();
            writer.WriteString("dst"u8, route.Destination.ToString());
            if (route.Gateway is not null)
            {
                writer.WriteString("gw"u8, route.Gateway.ToString());
            }

            writer.WriteEndObject();
        }

        if (started)
        {
            writer.WriteEndArray();
        }
    }
}
