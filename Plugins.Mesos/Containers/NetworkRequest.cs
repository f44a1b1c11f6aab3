using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>Mesos' NetworkInfo, as it was asked for; kept in the node's log, so it is made of texts and numbers.</summary>
internal sealed record NetworkRequest
{
    /// <summary>More interfaces than any container has been seen with.</summary>
    public const int MaxNetworks = 8;

    public required string Name { get; init; }

    public ImmutableArray<string> Groups { get; init; } = [];

    /// <summary>As the orchestrator wrote them.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Labels { get; init; } = [];

    /// <summary>How many are chosen.</summary>
    public int Ipv4 { get; init; }

    public int Ipv6 { get; init; }

    /// <summary>Instead: these.</summary>
    public ImmutableArray<string> Exact { get; init; } = [];

    /// <summary>Instead: what was taken under this uid.</summary>
    public string LeaseUid { get; init; } = "";

    public ImmutableArray<string> Pools { get; init; } = [];

    public ImmutableArray<PortRequest> Ports { get; init; } = [];

    /// <summary>Of net-modules: the addresses are taken already, and without groups it is reached by the machine alone.</summary>
    public bool IsNetModules { get; init; }

    /// <summary>Whether a second call asks for the same. Arrays are not equal by what they hold, so the texts are compared.</summary>
    public static bool AreSame(ImmutableArray<NetworkRequest> first, ImmutableArray<NetworkRequest> second) =>
        JsonSerializer.Serialize(first, ContainerJson.Default.ImmutableArrayNetworkRequest)
            == JsonSerializer.Serialize(second, ContainerJson.Default.ImmutableArrayNetworkRequest);

    public static string InterfaceOf(int index) => string.Create(CultureInfo.InvariantCulture, $"eth{index}");

    [JsonIgnore]
    public ImmutableArray<IPAddress> ExactAddresses => [.. Exact.Select(IPAddress.Parse)];

    [JsonIgnore]
    public ImmutableArray<PublishedPort> PublishedPorts => [.. Ports.Select(p =>
        new PublishedPort(p.Protocol switch { "udp" => ProtocolType.Udp, "sctp" => (ProtocolType)132, _ => ProtocolType.Tcp }, null,
            p.HostPort, 0, p.ContainerPort))];
}
