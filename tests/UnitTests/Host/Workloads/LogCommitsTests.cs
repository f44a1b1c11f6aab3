using Calico.TestKit.Workloads;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads;

/// <summary>What an endpoint's life costs on the node's disk: a commit is an fsync that its caller waits for.</summary>
[TestFixture]
public sealed class LogCommitsTests
{
    private const int Lives = 6;

    [Test]
    public async Task An_ADD_is_one_commit_and_so_is_a_DEL([Values] bool storeIsDead)
    {
        await using var host = await HostUnderTest.StartAsync("cni");
        var cni = new CniShapedClient(host);
        await AddAsync(host, cni, "warm");
        if (storeIsDead)
        {
            await host.KillStoreAsync();
            // Whoever finds it dead is in doubt, which is written too.
            await cni.DeleteAsync("warm");
        }

        var before = host.Log.Commits;
        for (var i = 0; i < Lives; i++)
        {
            await AddAsync(host, cni, $"c{i}");
        }

        Assert.That(host.Log.Commits - before, Is.EqualTo(Lives), "ADD");
        before = host.Log.Commits;
        for (var i = 0; i < Lives; i++)
        {
            await cni.DeleteAsync($"c{i}");
        }

        Assert.That(host.Log.Commits - before, Is.EqualTo(Lives), "DEL");
    }

    private static async Task AddAsync(HostUnderTest host, CniShapedClient cni, string name)
    {
        using var place = host.CreateNamespace();
        await cni.AddAsync(name, place);
    }
}
