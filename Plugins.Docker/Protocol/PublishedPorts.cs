using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Calico.Plugins.Docker.Protocol;

/// <summary>The option that tells of <c>-p</c> and <c>-P</c>.</summary>
internal static class PublishedPorts
{
    public const string Key = "com.docker.network.portmap";

    /// <returns>In an order of their own: dockerd's is random.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>, with the option as its user wrote it.</exception>
    public static ImmutableArray<PublishedPort> Read(ImmutableSortedDictionary<string, JsonElement>? options)
    {
        if (options is null || !options.TryGetValue(Key, out var ports) || ports.ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        if (ports.ValueKind == JsonValueKind.Array && ports.EnumerateArray().Any(p => p.ValueKind != JsonValueKind.Object))
        {
            throw new CalicoException(Problem.Invalid, $"{Key} is a list of objects, each a port", Key);
        }

        var bindings = ports.Deserialize(DockerJson.Default.ImmutableArrayPortBinding);
        return bindings.IsDefaultOrEmpty ? []
            : [.. bindings.Select(Of).OrderBy(p => p.Protocol).ThenBy(p => p.ContainerPort).ThenBy(p => p.HostPort).ThenBy(p =>
                $"{p.HostIp}", StringComparer.Ordinal)];
    }

    /// <summary>As its user wrote it: <c>-p 127.0.0.1:8080:80/tcp</c>.</summary>
    public static string Text(PublishedPort port)
    {
        var host = port.HostIp is not { } ip ? "" : ip.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{ip}]:" : $"{ip}:";
        var range = port.HostPort == 0 ? "" : port.HostPortEnd > port.HostPort
            ? string.Create(CultureInfo.InvariantCulture, $"{port.HostPort}-{port.HostPortEnd}:")
                : string.Create(CultureInfo.InvariantCulture, $"{port.HostPort}:");
        return string.Create(CultureInfo.InvariantCulture, $"-p {host}{range}{port.ContainerPort}/{NameOf(port.Protocol)}");
    }

    /// <summary>The profile that opens them, and what it says; containers with the same ports share it. A host port does not
    /// count. Null: all are for the host itself by 127.0.0.1, which needs none.</summary>
    public static (string Name, ProfileDefaults Defaults)? ProfileOf(ImmutableArray<PublishedPort> ports)
    {
        var outside = ports.RemoveAll(p => p.HostIp is { } host && IPAddress.IsLoopback(host));
        if (outside.IsEmpty)
        {
            return null;
        }

        var open = outside.Select(p => (p.Protocol, p.ContainerPort)).Distinct().Order().ToImmutableArray();
        var list = string.Join('.', open.Select(p => string.Create(CultureInfo.InvariantCulture,
            $"{NameOf(p.Protocol)}-{p.ContainerPort}")));
        return ("publish." + list, new(false, ImmutableSortedDictionary<string, string>.Empty)
        {
            OpenPorts = [.. open.Select(p => new PublishedPort(p.Protocol, null, 0, 0, p.ContainerPort))],
        });
    }

    private static PublishedPort Of(PortBinding binding)
    {
        var host = string.IsNullOrEmpty(binding.HostIp) ? null : Fields.Address(binding.HostIp, "-p");
        // A range of one is none.
        return new((ProtocolType)binding.Proto, host, binding.HostPort, binding.HostPortEnd > binding.HostPort ? binding.HostPortEnd : 0,
            binding.Port);
    }

    private static string NameOf(ProtocolType protocol) => (int)protocol switch
    {
        6 => "tcp", 17 => "udp", 132 => "sctp", _ => ((int)protocol).ToString(CultureInfo.InvariantCulture),
    };
}
