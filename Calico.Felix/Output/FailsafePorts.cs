using System.Collections.Immutable;

namespace Calico.Felix.Output;

/// <summary>What no policy of a host endpoint closes.</summary>
/// <param name="Inbound">What may always begin from outside.</param>
/// <param name="Outbound">What the host may always begin.</param>
public sealed record FailsafePorts(EquatableArray<FailsafePort> Inbound, EquatableArray<FailsafePort> Outbound)
{
    private const byte Tcp = 6;
    private const byte Udp = 17;

    /// <summary>Upstream's: SSH (inbound), DNS (outbound), DHCP, BGP, etcd, Typha, and the Kubernetes API.</summary>
    public static readonly FailsafePorts Default = new(
        [.. Ports(Udp, 68), .. Ports(Tcp, 22, 179, 2379, 2380, 5473, 6443, 6666, 6667)],
        [.. Ports(Udp, 53, 67), .. Ports(Tcp, 179, 2379, 2380, 5473, 6443, 6666, 6667)]);

    public override string ToString() => this == Default ? "default"
        : $"in [{string.Join(", ", Inbound)}] out [{string.Join(", ", Outbound)}]";

    private static ImmutableArray<FailsafePort> Ports(byte protocol, params ushort[] ports) =>
        [.. ports.Select(port => new FailsafePort(protocol, port))];
}
