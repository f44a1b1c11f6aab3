using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>Profiles of a container: the machine's own, <c>public</c>, one for each netgroup, and that of its published ports; as in 2016,
/// where the last did not exist.</summary>
internal sealed class Netgroups(IProfiles profiles, IHostStatus host, HostAddresses addresses)
{
    private const string Public = "public";
    private const int MaxName = 128;
    private const string PortsPrefix = "publish.";

    // Of Kubernetes namespaces and service accounts, of published ports, and upstream's profile that allows everything: a group is a task's
    // word, and gives no way into those.
    private static readonly string[] OthersPrefixes = ["kns.", "ksa.", PortsPrefix, "projectcalico-"];

    private static readonly ImmutableSortedDictionary<string, string> NoLabels = ImmutableSortedDictionary<string, string>.Empty;

    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/> with the field.</exception>
    public static void Check(string group, string field)
    {
        if (group.Length is 0 or > MaxName || group.Any(char.IsControl))
        {
            throw new CalicoException(Problem.Invalid, $"'{group}' is no name of a group: 1 to {MaxName} characters", field);
        }

        if (OthersPrefixes.FirstOrDefault(p => group.StartsWith(p, StringComparison.OrdinalIgnoreCase)) is { } taken)
        {
            throw new CalicoException(Problem.Invalid, $"group '{group}': profiles that '{taken}' begins the name of are others'", field);
        }
    }

    /// <summary>Makes them, and says what they are called in the store; the most important first.</summary>
    /// <param name="groups">Checked. None: the container is reached by the machine alone.</param>
    /// <param name="ports">What is published.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<ImmutableArray<string>> EnsureAsync(ImmutableArray<string> groups, ImmutableArray<PublishedPort> ports,
        CancellationToken ct)
    {
        var names = ImmutableArray.CreateBuilder<string>();
        if (addresses.Current is { IsEmpty: false } machine)
        {
            names.Add(await profiles.EnsureAsync($"default_{host.NodeName}", new(false, NoLabels) { Peers = machine }, ct));
        }

        if (groups.Contains(Public))
        {
            names.Add(await profiles.EnsureAsync(Public, Members(Public) with { OpenIngress = true }, ct));
        }

        foreach (var group in groups.Where(g => g != Public).Distinct())
        {
            names.Add(await profiles.EnsureAsync(group, Members(group), ct));
        }

        if (ports.Length > 0)
        {
            var open = ports.Select(p => (p.Protocol, p.ContainerPort)).Distinct().Order()
                .Select(p => new PublishedPort(p.Protocol, null, 0, 0, p.ContainerPort)).ToImmutableArray();
            names.Add(await profiles.EnsureAsync(PortsPrefix + string.Join('.', open.Select(TextOf)),
                new(false, NoLabels) { OpenPorts = open }, ct));
        }

        return [.. names.Distinct()];
    }

    /// <summary>Groups of a network: its own, or the network itself where it has none, as with Mesos' CNI isolator; net-modules' has no
    /// name.</summary>
    public static ImmutableArray<string> Of(NetworkRequest network) =>
        network.Groups.IsEmpty && !network.IsNetModules ? [network.Name] : network.Groups;

    private static ProfileDefaults Members(string group) => new(false, NoLabels.Add(group, ""));

    private static string TextOf(PublishedPort port) => string.Create(CultureInfo.InvariantCulture,
        $"{port.Protocol switch { ProtocolType.Tcp => "tcp", ProtocolType.Udp => "udp", _ => "sctp" }}-{port.ContainerPort}");
}
