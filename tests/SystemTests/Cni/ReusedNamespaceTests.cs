using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Cni;

/// <summary>Namespaces that get the inode of one that has just died, while its endpoint is still in the books.</summary>
[TestFixture, Parallelizable]
public sealed class ReusedNamespaceTests
{
    private const int Rounds = 20;

    [Test]
    public async Task A5_a_namespace_with_the_number_of_a_dead_one_is_wired_as_the_first_of_its_kind()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        await using var cni = await CniHost.StartAsync(number: 47);
        var reused = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var (dead, next) = ($"dead{round}", $"next{round}");
            await cni.AddNamespaceAsync(dead);
            await cni.AddAsync($"dead-{round}", dead);
            var number = await NumberAsync(cni, dead);
            await cni.DeleteNamespaceAsync(dead);
            await cni.AddNamespaceAsync(next);
            reused += await NumberAsync(cni, next) == number ? 1 : 0;

            await cni.AddAsync($"next-{round}", next);
            var routes = await cni.Host.ShellAsync($"ip netns exec {next} ip route");
            Assert.That(routes, Does.Contain("default via 169.254.1.1 "), $"round {round}");
            await cni.DeleteAsync($"next-{round}", next);
            await cni.DeleteAsync($"dead-{round}", null);
            await cni.DeleteNamespaceAsync(next);
        }

        await cni.AssertCleanAsync();
        Assume.That(reused, Is.GreaterThan(0), "the kernel gave no number again: nothing was shown");
        TestContext.Out.WriteLine($"{reused} of {Rounds} numbers were given again");
    }

    private static async Task<string> NumberAsync(CniHost cni, string name) =>
        (await cni.Host.ShellAsync($"stat -L -c %i /run/netns/{name}")).Trim();
}
