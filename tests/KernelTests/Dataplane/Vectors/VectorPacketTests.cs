using System.Globalization;
using System.Net;
using Calico.KernelTests.Dataplane.Judges;
using Calico.UnitTests.Felix;
using Calico.VectorTests.Policy;
using NUnit.Framework;

namespace Calico.KernelTests.Dataplane.Vectors;

/// <summary>Every scenario of <c>policy.json</c> between workloads, calculated, rendered and committed; of each connection that it asks
/// about the first packet is sent, byte by byte, and passes or is dropped as upstream says. Both families.</summary>
/// <remarks>One host for all vectors with the same endpoints: what one left in the kernel is what a restarted process meets.</remarks>
[NonParallelizable]
public sealed class VectorPacketTests : IDisposable
{
    private const string Uplink = RandomPolicies.HostLink;
    private const ushort ClientPort = 40000;

    private static readonly IPAddress HostAddress = IPAddress.Parse("192.0.2.1");
    private static readonly IPAddress Outside = IPAddress.Parse("192.0.2.200");

    private JudgedHost? _host;
    private string _layout = "";

    public void Dispose() => _host?.Dispose();

    [TestCaseSource(nameof(Cases))]
    public async Task Packets_end_as_upstream_says(object vector, bool isIpv6)
    {
        var read = (PolicyVector)vector;
        var host = HostOf(read, isIpv6);
        using var policy = new JudgedPolicy(host.Host, "host0");
        policy.Enforce(read.Updates, read.Endpoints.Select(e => e.Local), [$"{Of(HostAddress, isIpv6)}"]);
        var addresses = read.Endpoints.ToDictionary(e => e.Name, e => e.Address);
        // A workload reaches itself without a packet.
        var flows = read.Flows.Where(f => f.Source != f.Destination).ToList();
        Assert.That(flows, Is.Not.Empty);
        var notices = await host.JudgeAsync([.. flows.Select(f => new PlainPacket(addresses[f.Source], addresses[f.Destination],
            f.Protocol switch { 6 => "TCP", 17 => "UDP", _ => "SCTP" }, ClientPort, f.Port))]);
        Assert.That(flows.Zip(notices).Where(p => (p.Second.Prefix == JudgedHost.Passed) != p.First.Allowed)
            .Select(p => $"{p.First}: {policy.Describe(p.Second)}"), Is.Empty, read.Description);
    }

    private static IEnumerable<TestCaseData> Cases()
    {
        if (PolicyVectorFile.Missing is { } reason)
        {
            yield return new TestCaseData(null, false).SetName("Vectors").Ignore(reason);
        }

        foreach (var (vector, isIpv6) in PolicyVectorFile.Vectors.Where(v => v.Vector.HostEndpoints.Length == 0)
            .OrderBy(v => LayoutOf(v.Vector, v.IsIpv6), StringComparer.Ordinal))
        {
            yield return new TestCaseData(vector, isIpv6).SetName($"Vector {vector.Id} through packets, IPv{(isIpv6 ? 6 : 4)}");
        }
    }

    private static string LayoutOf(PolicyVector vector, bool isIpv6) => string.Create(CultureInfo.InvariantCulture,
        $"{isIpv6} {string.Join(' ', vector.Endpoints.Select(e => e.Address))}");

    private static IPAddress Of(IPAddress address, bool isIpv6) => isIpv6 ? PolicyVectorFile.InIpv6(address) : address;

    private JudgedHost HostOf(PolicyVector vector, bool isIpv6)
    {
        var layout = LayoutOf(vector, isIpv6);
        if (_layout != layout)
        {
            _host?.Dispose();
            var workloads = vector.Endpoints.Select(e => (e.Local.InterfaceName, new[] { $"{e.Address}" }));
            _host = new([.. workloads, (Uplink, [$"{Of(Outside, isIpv6)}"])], Uplink, [$"{Of(HostAddress, isIpv6)}"]);
            _layout = layout;
        }

        return _host!;
    }
}
