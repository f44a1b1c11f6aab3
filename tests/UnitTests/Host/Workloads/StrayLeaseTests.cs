using Calico.Datastore.Store;
using Calico.Host.Workloads;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads;

/// <summary>Addresses that are bound to an endpoint nobody has.</summary>
[TestFixture]
public sealed class StrayLeaseTests
{
    private static readonly WorkloadEndpointId Lost = new("cni", "lost", "eth0");

    private HostUnderTest _host = null!;

    [SetUp]
    public async Task StartAsync() => _host = await HostUnderTest.StartAsync("cni");

    [TearDown]
    public async Task EndAsync() => await _host.DisposeAsync();

    [Test]
    public async Task An_address_bound_to_an_endpoint_without_a_record_is_freed()
    {
        await BindAsync(Lost);
        Assert.That(await _host.Connector.StrayLeases.CollectAsync(CancellationToken.None), Is.EqualTo(1));
        Assert.That(await _host.LeftAsync(), Is.Empty);
    }

    [Test]
    public async Task An_address_whose_endpoints_record_cannot_be_read_is_kept()
    {
        await BindAsync(Lost);
        await _host.Log.CommitAsync([new NodeLogWrite(EndpointRecord.KeyOf(Lost), "{"u8.ToArray())], CancellationToken.None);
        Assert.That(await _host.Connector.StrayLeases.CollectAsync(CancellationToken.None), Is.Zero);
        Assert.That(await _host.Addresses.ListAsync(null, null, CancellationToken.None), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task Addresses_of_endpoints_and_of_nobody_yet_are_kept()
    {
        await _host.Connector.PrepareAsync("docker", new()
        {
            Id = new("docker", "a", "eth0"),
            Instance = "a",
            Network = "blue",
            Profiles = ["blue"],
            Claim = new() { Handle = "a", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
        }, CancellationToken.None);
        await _host.Addresses.ClaimAsync("docker", new() { Handle = "b", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 }, null, null,
            CancellationToken.None);
        Assert.That(await _host.Connector.StrayLeases.CollectAsync(CancellationToken.None), Is.Zero);
        Assert.That(await _host.Addresses.ListAsync(null, null, CancellationToken.None), Has.Length.EqualTo(2));
    }

    private Task BindAsync(WorkloadEndpointId id) => _host.Addresses.ClaimAsync("cni",
        new() { Handle = id.Workload, Purpose = LeasePurpose.Endpoint, Ipv4 = 1 }, id, null, CancellationToken.None);
}
