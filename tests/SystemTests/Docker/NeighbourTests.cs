using Calico.SystemTests.Podman;

namespace Calico.SystemTests.Docker;

/// <summary>Containers of Docker and of podman on one host: one policy for both, by label.</summary>
[TestFixture, Parallelizable]
public sealed class NeighbourTests : DockerScene
{
    [Test]
    public async Task Labels_decide_between_a_container_ofDocker_and_one_of_podman_in_both_directions()
    {
        var podman = await PodmanHost.OnAsync(Docker.Host);
        await Docker.CreateNetworkAsync("shop", "--subnet 10.81.0.0/24");
        await Docker.RunAsync("front", "shop", "--label org.projectcalico.label.tier=front");
        await Docker.RunAsync("other", "shop");
        // What podman's network gives its members to be selected by is the network's name.
        await podman.RunAsync("db", "green");
        try
        {
            var (front, other, db) = (await Docker.AddressInAsync("front", "shop"), await Docker.AddressInAsync("other", "shop"),
                await podman.AddressAsync("db"));
            Assert.That(await Docker.PingAsync("front", db), Is.False, "two networks without a policy");
            Assert.That(await podman.PingAsync("db", front), Is.False, "and back");

            (await Docker.Host.CalicoctlAsync("apply -f -", """
                apiVersion: projectcalico.org/v3
                kind: GlobalNetworkPolicy
                metadata: {name: into-db}
                spec: {selector: has(green), types: [Ingress], ingress: [{action: Allow, source: {selector: tier == 'front'}}]}
                """)).OrThrow();
            await UntilAsync(() => Docker.PingAsync("front", db), "Docker's labelled one to podman's");
            Assert.That(await Docker.PingAsync("other", db), Is.False, "Docker's other one to podman's");
            Assert.That(await podman.PingAsync("db", front), Is.False, "nothing is said of the way back");

            (await Docker.Host.CalicoctlAsync("apply -f -", """
                apiVersion: projectcalico.org/v3
                kind: GlobalNetworkPolicy
                metadata: {name: into-front}
                spec: {selector: tier == 'front', types: [Ingress], ingress: [{action: Allow, source: {selector: has(green)}}]}
                """)).OrThrow();
            await UntilAsync(() => podman.PingAsync("db", front), "podman's to Docker's labelled one");
            Assert.That(await podman.PingAsync("db", other), Is.False, "podman's to Docker's other one");
            await UntilAsync(async () => !await Docker.PingAsync("other", "front"),
                "the policy alone decides: who shares the network is not named");
        }
        finally
        {
            await Docker.Host.CalicoctlAsync("delete globalnetworkpolicy into-db into-front --skip-not-exists");
            await podman.PodmanAsync("rm -f -t 0 -a");
        }
    }
}
