using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Store;
using Calico.TestKit.Store;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads;

/// <summary>A caller that gives up while the store has its connection.</summary>
[TestFixture, Parallelizable]
public sealed class GivenUpAtStoreTests
{
    [Test]
    public async Task A_caller_that_gives_up_at_the_store_leaves_nothing([Values] bool isForeign, [Values] bool isDone)
    {
        await using var host = await HostUnderTest.StartImpatientAsync("cni", 0);
        for (var n = 0; n < 20; n++)
        {
            var name = $"a{n}";
            if (await IsGivenUpAsync(host, name, isForeign, isDone ? StoreFault.DoneThenHang : StoreFault.Hang))
            {
                Assert.That(await host.Network.FindAsync(new("cni", name, "eth0"), CancellationToken.None), Is.Null);
                Assert.That(await host.LeftAsync(), Is.Empty);
                return;
            }

            // On a machine under load the log was faster than the way to the store, and nobody gave up.
            await host.Network.DisconnectAsync(new("cni", name, "eth0"), name, CancellationToken.None);
        }

        Assert.Fail("the store was never asked in time");
    }

    /// <summary>Connects, with a fault at what the store is told of the endpoint, at which the caller gives up.</summary>
    private static async Task<bool> IsGivenUpAsync(HostUnderTest host, string name, bool isForeign, StoreFault fault)
    {
        using var place = host.CreateNamespace();
        using var caller = new CancellationTokenSource();
        host.Store.Faults.Use((_, transaction) =>
        {
            if (transaction?.Success.Any(o => o is StoreOperation.Put { Key: var key } && key.Contains("/workloadendpoints/")) != true)
            {
                return StoreFault.None;
            }

            host.Store.Faults.Use(null);
            // The call goes on only to hang, so the caller has given up by then.
            caller.Cancel();
            return fault;
        });
        try
        {
            await host.Network.ConnectAsync(new()
            {
                Id = new("cni", name, "eth0"),
                Instance = name,
                Profiles = ["net"],
                Claim = isForeign ? null : new() { Handle = $"net.{name}", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
                Unmanaged = isForeign ? [IPNetwork.Parse("198.18.77.7/32")] : ImmutableArray<IPNetwork>.Empty,
            }, Placement.In(place, "eth0"), caller.Token);
            return false;
        }
        catch (Exception e) when (e is OperationCanceledException or CalicoException { Problem: Problem.Unavailable })
        {
            return true;
        }
        finally
        {
            host.Store.Faults.Use(null);
        }
    }
}
