using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Mesos;

/// <summary><c>calico-host mesos install</c>, and samples/mesos over what it laid down: the commands of its page.</summary>
public sealed class SampleTests : MesosScene
{
    private const string Folder = "/opt/cni/mesos";

    protected override int Number => 63;

    [Test]
    public async Task M18_the_sample_plays_an_agent_with_what_was_installed()
    {
        var before = await Host.ShellAsync("find /opt/cni");
        Assert.That(await InstallAsync("--dry-run"), Does.StartWith($"would install {Folder}/calico_mesos\n"));
        Assert.That(await Host.ShellAsync("find /opt/cni"), Is.EqualTo(before));
        await InstallAsync("");
        await InstallAsync("");
        var (web, db) = (await AgentAsync("launch web shop"), await AgentAsync("launch db shop"));
        await AgentAsync("launch evil other");
        Assert.That((web == db, db.Split('.').Length), Is.EqualTo((false, 4)));
        Assert.That(await PingsAsync("web", db), Is.True);
        Assert.That(await PingsAsync("evil", db), Is.False);
        foreach (var task in new[] { "web", "db", "evil" })
        {
            await AgentAsync($"cleanup {task}");
        }

        Assert.That(await AgentAsync("cni launch one"), Does.Contain("\"ip4\""), "a result of the only versions that Mesos reads");
        Assert.That((await Host.CalicoctlAsync("get workloadendpoints -A -o json")).Output, Does.Contain("\"task\": \"one\""));
        await AgentAsync("cni cleanup one");
        await Host.ShellAsync($"{Host.Programs}/host/calico-host mesos uninstall --dir {Folder}");
        Assert.That(await Host.ShellAsync("find /opt/cni"), Is.EqualTo(before));
    }

    private Task<string> InstallAsync(string options) =>
        Host.ShellAsync($"{Host.Programs}/host/calico-host mesos install --dir {Folder} {options}");

    private async Task<string> AgentAsync(string words) =>
        (await Host.ShellAsync($"CALICO_MESOS_DIR={Folder} {Path.Combine(Repository.Root, "samples", "mesos", "agent.sh")} {words}"))
            .Trim();

    private async Task<bool> PingsAsync(string task, string address) =>
        (await Host.RunAsync(["bash", "-c",
            $"{Path.Combine(Repository.Root, "samples", "mesos", "agent.sh")} exec {task} /bin/busybox ping -c 1 -W 1 {address}"]))
        .ExitCode == 0;
}
