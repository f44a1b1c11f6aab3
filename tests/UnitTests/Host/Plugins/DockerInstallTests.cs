using Calico.Host.Commands;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Plugins;

/// <summary><c>calico-host docker install|uninstall</c>: one file, which is taken away as it was laid down.</summary>
[TestFixture]
public sealed class DockerInstallTests
{
    private string _work = "";

    private string DropIn => Path.Combine(Units, "docker.service.d", "10-calico.conf");

    private string Units => Path.Combine(_work, "system");

    private string Plugins => Path.Combine(_work, "plugins");

    [SetUp]
    public void MakeFolder()
    {
        _work = Directory.CreateTempSubdirectory("calico-docker-install-").FullName;
        Directory.CreateDirectory(Path.Combine(Plugins, "docker", "1.0.0"));
        Directory.CreateDirectory(Units);
    }

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_work, recursive: true);

    [Test]
    public void It_is_laid_down_again_and_again_and_goes_without_a_trace()
    {
        var before = Entries();
        Assert.That(Install(dryRun: true), Has.Some.EqualTo($"would install {DropIn}"));
        Assert.That(Entries(), Is.EqualTo(before), "a dry run");
        for (var i = 0; i < 2; i++)
        {
            Assert.That(Install()[0], Is.EqualTo($"installed {DropIn}"));
        }

        var lines = File.ReadAllLines(DropIn).Where(l => !l.StartsWith('#'));
        Assert.That(lines, Is.EqualTo(new[] { "[Unit]", "Wants=calico-host.service", "After=calico-host.service" }));
        Assert.That(Uninstall(dryRun: true), Has.Some.EqualTo($"would remove {DropIn}"));
        Assert.That(File.Exists(DropIn), Is.True);
        Assert.That(Uninstall(), Is.EqualTo(new[] { $"removed {DropIn}", "next: systemctl daemon-reload" }));
        Assert.That(Entries(), Is.EqualTo(before), "the folder that it was put into, too");
        Assert.That(Uninstall()[0], Does.Contain("has installed nothing"));
    }

    [Test]
    public void What_a_person_wrote_is_refused_and_left([Values] bool isEdited)
    {
        if (isEdited)
        {
            Install();
        }

        Directory.CreateDirectory(Path.GetDirectoryName(DropIn)!);
        File.AppendAllText(DropIn, "# mine\n");
        var text = File.ReadAllText(DropIn);
        foreach (var dryRun in (bool[])[true, false])
        {
            var refused = Assert.Throws<CalicoException>(() => Install(dryRun: dryRun));
            Assert.That((refused!.Problem, refused.Message.Contains(DropIn, StringComparison.Ordinal)),
                Is.EqualTo((Problem.AlreadyExists, true)));
        }

        Assert.That(Uninstall()[0], Does.StartWith($"left {DropIn}: it was {(isEdited ? "edited" : "not made")}"));
        Assert.That(File.ReadAllText(DropIn), Is.EqualTo(text));
        Install(force: true);
        Uninstall();
        Assert.That(File.Exists(DropIn), Is.False);
    }

    [Test]
    public void Another_drop_in_beside_it_stays_with_its_folder()
    {
        Install();
        var other = Path.Combine(Path.GetDirectoryName(DropIn)!, "override.conf");
        File.WriteAllText(other, "[Service]\n");
        Uninstall();
        Assert.That((File.Exists(DropIn), File.Exists(other)), Is.EqualTo((false, true)));
    }

    [Test]
    public void Without_the_adapter_it_is_refused_and_nothing_is_made()
    {
        Directory.Delete(Path.Combine(Plugins, "docker"), recursive: true);
        var before = Entries();
        var refused = Assert.Throws<CalicoException>(() => Install());
        Assert.That((refused!.Problem, refused.Message), Is.EqualTo((Problem.NotFound,
            $"adapter 'docker' is not installed in {Plugins}: calico-host plugin install <package or folder> first")));
        Assert.That(Entries(), Is.EqualTo(before));
    }

    private IReadOnlyList<string> Install(bool force = false, bool dryRun = false) => Docker().Run(Plugins, force, dryRun);

    private IReadOnlyList<string> Uninstall(bool dryRun = false) => Docker().Uninstall(force: false, dryRun);

    private DockerInstall Docker() => new(Units, InstallLedger.Open(Path.Combine(_work, "data", "installed.json")));

    private string[] Entries() => [.. Directory.GetFileSystemEntries(_work, "*", SearchOption.AllDirectories)
        .Select(e => Path.GetRelativePath(_work, e)).Where(e => e != "data").Order(StringComparer.Ordinal)];
}
