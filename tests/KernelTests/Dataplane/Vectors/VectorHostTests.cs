using Calico.VectorTests.Policy;
using NUnit.Framework;

namespace Calico.KernelTests.Dataplane.Vectors;

/// <summary>The scenarios of <c>policy.json</c> with host endpoints: hosts, workloads and somebody outside as namespaces, TCP connections
/// through the product's tables, answers included. Both families, and both interfaces where the vector gives two.</summary>
[NonParallelizable]
public sealed class VectorHostTests
{
    [TestCaseSource(nameof(Cases))]
    public async Task Connections_end_as_upstream_says(object vector, bool isIpv6)
    {
        var read = (PolicyVector)vector;
        using var cluster = new VectorCluster(read, isIpv6);
        foreach (var interfaceName in (string[])["*", "eth0"])
        {
            var ends = await cluster.ConnectAsync(interfaceName);
            Assert.That(read.Flows.Zip(ends).Where(p => (p.Second == "connected") != p.First.Allowed)
                .Select(p => $"{interfaceName}: {p.First}: {p.Second}"), Is.Empty, read.Description);
        }
    }

    private static IEnumerable<TestCaseData> Cases()
    {
        if (PolicyVectorFile.Missing is { } reason)
        {
            yield return new TestCaseData(null, false).SetName("Vectors with hosts").Ignore(reason);
        }

        foreach (var (vector, isIpv6) in PolicyVectorFile.Vectors
            .Where(v => v.Vector.HostEndpoints.Length > 0))
        {
            yield return new TestCaseData(vector, isIpv6).SetName($"Vector {vector.Id} through connections, IPv{(isIpv6 ? 6 : 4)}");
        }
    }
}
