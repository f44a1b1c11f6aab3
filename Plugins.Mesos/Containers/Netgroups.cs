using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Calico.Plugins.Cni.Protocol;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>Profiles of a container: the machine's own, <c>public</c>, one for each netgroup, and that of its published ports; as in 2016,
/// where the last did not exist.</summary>
internal sealed class Netgroups(IProfiles profiles, IHostStatus host, HostAddresses addresses)
{
    private static readonly ImmutableSortedDictionary<string, string> NoLabels = ImmutableSortedDictionary<string, string>.Empty;

    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/> with the field.</exception>
    public static void Check(string group, string field)
    {
        if (MesosGroups.FaultOf(group) is { } fault)
        {
            throw new CalicoException(Problem.Invalid, fault, field);
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
            names.Add(await profiles.EnsureAsync(MesosGroups.MachinePrefix + host.NodeName, new(false, NoLabels) { Peers = machine }, ct));
        }

        foreach (var group in MesosGroups.InOrder(groups))
        {
            names.Add(await profiles.EnsureAsync(group, MesosGroups.DefaultsOf(group), ct));
        }

        if (ports.Length > 0)
        {
            var open = ports.Select(p => (p.Protocol, p.ContainerPort)).Distinct().Order()
                .Select(p => new PublishedPort(p.Protocol, null, 0, 0, p.ContainerPort)).ToImmutableArray();
            names.Add(await profiles.EnsureAsync(MesosGroups.PortsPrefix + string.Join('.', open.Select(TextOf)),
                new(false, NoLabels) { OpenPorts = open }, ct));
        }

        return [.. names.Distinct()];
    }

    /// <summary>Groups of a network: its own, or the network itself where it has none, as with Mesos' CNI isolator; net-modules' has no
    /// name.</summary>
    public static ImmutableArray<string> Of(NetworkRequest network) =>
        network.Groups.IsEmpty && !network.IsNetModules ? [network.Name] : network.Groups;

    private static string TextOf(PublishedPort port) => string.Create(CultureInfo.InvariantCulture,
        $"{port.Protocol switch { ProtocolType.Tcp => "tcp", ProtocolType.Udp => "udp", _ => "sctp" }}-{port.ContainerPort}");
}
