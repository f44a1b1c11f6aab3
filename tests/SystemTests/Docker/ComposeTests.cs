using System.Text.RegularExpressions;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Docker;

/// <summary><c>samples/docker</c>, by its own commands.</summary>
[TestFixture, Parallelizable]
public sealed class ComposeTests : DockerScene
{
    private static readonly string Sample = Path.Combine(Repository.Root, "samples", "docker");

    [Test]
    public async Task The_sample_comes_up_its_names_resolve_and_its_policy_decides()
    {
        if (!File.Exists("/usr/bin/docker-compose"))
        {
            Assert.Ignore("docker-compose is not installed");
        }

        // The image that the sample names, without a registry.
        await Docker.DockerAsync($"tag {BusyboxImage.Name} busybox:latest");
        (await Docker.Host.CalicoctlAsync($"apply -f {Sample}/pools.yaml")).OrThrow();
        (await Docker.Host.CalicoctlAsync($"apply -f {Sample}/policy.yaml")).OrThrow();
        try
        {
            await ComposeAsync("up -d");
            await UntilAsync(async () => await AskAsync("front") == "hello from db", "front to db, by its name");
            Assert.That(await AskAsync("other"), Is.Empty, "another service of the same network");
            var shown = (await Docker.Host.CalicoctlAsync("get workloadendpoints -A -o wide")).Output;
            Assert.That(shown, Does.Contain("docker_front_1:docker_shop ").And.Contain("docker_db_1:docker_shop "));
            var explained = (await Docker.Host.CalicoctlAsync(
                "explain --from docker_other_1:docker_shop --to docker_db_1:docker_shop --port 80")).Output;
            Assert.That(explained, Does.Contain("shop-db").And.Contain("den").IgnoreCase);
        }
        finally
        {
            await ComposeAsync("down -t 0");
            (await Docker.Host.CalicoctlAsync($"delete -f {Sample}/policy.yaml")).OrThrow();
            (await Docker.Host.CalicoctlAsync($"delete -f {Sample}/pools.yaml")).OrThrow();
        }
    }

    private Task<string> ComposeAsync(string arguments) => Docker.Host.ShellAsync(
        $"cd {Sample} && DOCKER_HOST=unix:///run/docker.sock docker-compose {arguments} 2>&1", limit: TimeSpan.FromMinutes(2));

    /// <summary>The page, as a service of the sample gets it from whom it knows as <c>db</c>; empty: none.</summary>
    /// <remarks>In two steps: the wget of Debian's static busybox cannot look up names.</remarks>
    private async Task<string> AskAsync(string service)
    {
        var pinged = (await Docker.TryDockerAsync($"exec docker_{service}_1 /bin/ping -c 1 -W 1 db")).Output;
        var name = Regex.Match(pinged, @"PING db \((10\.83\.0\.\d+)\)");
        Assert.That(name.Success, Is.True, $"{service} knows db: {pinged}");
        var answer = await Docker.TryDockerAsync(
            $"exec docker_{service}_1 /bin/sh -c "
            + $"\"busybox printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 {name.Groups[1].Value} 80 | busybox tail -n 1\"");
        return answer.Output.Trim();
    }
}
