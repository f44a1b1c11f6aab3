using System.Runtime.Versioning;
using Calico.TestKit.Store;
using Calico.UnitTests.Host;
using NUnit.Framework;

namespace Calico.UnitTests.Docker;

/// <summary>The host's own parts behind the adapter's sockets, over a store that does not answer: nobody waits for it longer than a tenth
/// of a second. The time is counted, not measured.</summary>
[TestFixture]
[UnsupportedOSPlatform("windows")]
public sealed class StorelessAnswersTests
{
    private const int Reserve = 8;

    private static readonly TimeSpan Budget = TimeSpan.FromMilliseconds(100);

    /// <summary>For what hangs for ever; no test waits for it.</summary>
    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(60);

    [Test]
    public async Task Every_call_of_a_containers_life_is_answered_within_a_tenth_of_a_second([Values] bool isHanging)
    {
        var time = new AddedTime(Budget);
        await using var host = await HostUnderTest.StartAsync(time, "docker", Reserve, []);
        await using var docker = new DockerHarness(time, host);
        await docker.StartAsync();
        var client = new DockerClient(docker);
        var pool = (await client.CreateNetworkAsync("n1"))[0];
        await client.RunAsync("n1", "before", pool);
        if (isHanging)
        {
            host.Store.Faults.Hanging = true;
        }
        else
        {
            host.Store.Faults.Dead = true;
        }

        var given = new List<string>();
        for (var n = 0; n < Reserve / 2; n++)
        {
            var endpoint = $"e{n}";
            var address = await WithinAsync("RequestAddress", () => client.RequestAddressAsync(pool));
            await WithinAsync("CreateEndpoint", () => docker.CallAsync("NetworkDriver.CreateEndpoint",
                DockerClient.EndpointBody("n1", endpoint, address)));
            await WithinAsync("Join", () => client.JoinAsync("n1", endpoint));
            given.Add(address);
        }

        Assert.That(given, Is.Unique);
        await WithinAsync("Leave", () => docker.CallAsync("NetworkDriver.Leave", """{"NetworkID":"n1","EndpointID":"before"}"""));
        await WithinAsync("DeleteEndpoint", () => docker.CallAsync(
            "NetworkDriver.DeleteEndpoint", """{"NetworkID":"n1","EndpointID":"before"}"""));
        // One that nobody here has, as dockerd releases gateways.
        await WithinAsync("ReleaseAddress", () => docker.CallAsync(
            "IpamDriver.ReleaseAddress", $$"""{"PoolID":"{{pool}}","Address":"10.65.0.0"}""", isIpam: true));
        // Whatever hangs is let go before the adapter ends.
        (host.Store.Faults.Hanging, host.Store.Faults.Dead) = (false, false);

        async Task<T> WithinAsync<T>(string call, Func<Task<T>> work)
        {
            time.Begin();
            var answer = await work().WaitAsync(Guard);
            TestContext.Out.WriteLine($"{call}: {time.Waited.TotalMilliseconds} ms of waits");
            Assert.That(time.Waited, Is.LessThanOrEqualTo(Budget), call);
            return answer;
        }
    }
}
