using System.Text;
using Calico.Host.Commands;
using Calico.Host.Plugins;
using Calico.Linux;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Plugins;

/// <summary>Installing, listing and removing adapters.</summary>
[TestFixture, Parallelizable]
public sealed class PluginCommandsTests
{
    private readonly StringBuilder _output = new();
    private string _work = "";

    private string Root => Path.Combine(_work, "plugins");

    private PluginCommands Commands => new(Root, new StringWriter(_output)) { Feeds = [Feed] };

    private string Feed => Path.Combine(_work, "feed");

    [SetUp]
    public void MakeFolder()
    {
        if (Environment.UserName != "root")
        {
            Assert.Ignore("an adapter's files belong to root, so only root can install them");
        }

        _output.Clear();
        _work = PluginPackage.MakeTrustedFolder();
        Directory.CreateDirectory(Feed);
    }

    [TearDown]
    public void DeleteFolder()
    {
        if (_work.Length > 0)
        {
            Directory.Delete(_work, recursive: true);
        }
    }

    [Test]
    public void A_published_folder_is_installed_readable_by_all_and_writable_by_root_alone()
    {
        var source = PluginPackage.WriteFolder(Path.Combine(_work, "publish"), "Plugins.Hello", (1, 0), "hello");
        Directory.CreateDirectory(Path.Combine(source, "runtimes"));
        File.WriteAllText(Path.Combine(source, "runtimes", "native.so"), "");
        Install(source);

        var installed = Installed().Single();
        Assert.That(installed.Name, Is.EqualTo("hello"));
        Assert.That(File.Exists(Path.Combine(installed.Directory, "runtimes", "native.so")), Is.True);
        Assert.That(File.GetUnixFileMode(installed.Assembly), Is.EqualTo((UnixFileMode)0b110_100_100));
        Assert.That(Directory.GetFileSystemEntries(Root).Select(Path.GetFileName), Is.EqualTo(new[] { "hello" }),
            "no staging folder is left");
    }

    [Test]
    public void A_package_is_installed_beside_its_older_version_and_a_second_time_is_nothing_new()
    {
        Install(Package("1.nupkg", "1.0.0"));
        Install(Package("2.nupkg", "1.1.0"));
        Assert.That(Installed().Select(p => (p.Name, p.Version)), Is.EqualTo(new[] { ("hello", "1.1.0"), ("hello", "1.0.0") }));
        Install(Path.Combine(_work, "2.nupkg"));
        Assert.That(_output.ToString(), Does.EndWith("adapter 'hello' 1.1.0 is installed already\n"));
        Assert.That(Directory.GetDirectories(Path.Combine(Root, "hello")), Has.Length.EqualTo(2));
    }

    [Test]
    public void The_same_version_with_other_bytes_is_refused_and_the_installed_one_stays()
    {
        Install(Package("1.nupkg", "1.0.0"));
        var before = Files();
        var source = PluginPackage.WriteFolder(Path.Combine(_work, "other"), "Plugins.Hello", (1, 0), "hello");
        File.WriteAllText(Path.Combine(source, "more.txt"), "other");
        PluginPackage.WriteManifest(source, "hello", "1.0.0", "Plugins.Hello.dll");
        Assert.That(Refused(PluginPackage.WritePackage(Path.Combine(_work, "2.nupkg"), "Acme.Hello", "1.0.0", source)),
            Is.EqualTo(Problem.AlreadyExists));
        Assert.That(Files(), Is.EqualTo(before));
    }

    [Test]
    public void The_name_is_the_adapters_own_whatever_its_package_is_called()
    {
        Install(Package("1.nupkg", "1.0.0", id: "Something.Else.Cni"));
        Assert.That(Installed().Single().Name, Is.EqualTo("hello"));
        var source = PluginPackage.WriteFolder(Path.Combine(_work, "nameless"), "Nameless", (1, 0));
        Assert.That(Assert.Throws<CalicoException>(() => Install(source))!.Message, Does.Contain("does not say the adapter's name"));
    }

    [TestCase("other", "1.0.0", "Plugins.Hello.dll", "0.1.0", "speaks of 'other'")]
    [TestCase("hello", "1.0.0", "Other.dll", "0.1.0", "in Other.dll")]
    [TestCase("hello", "1.0.0", "Plugins.Hello.dll", "99.0.0", "needs calico-host 99.0.0 or later")]
    [TestCase("hello", "../1", "Plugins.Hello.dll", "0.1.0", "both become folder names")]
    public void A_manifest_that_does_not_fit_what_is_there_is_refused(string name, string version, string assembly, string minimumHost,
        string says)
    {
        var source = PluginPackage.WriteFolder(Path.Combine(_work, "publish"), "Plugins.Hello", (1, 0), "hello");
        PluginPackage.WriteManifest(source, name, version, assembly, minimumHost);
        Assert.That(Assert.Throws<CalicoException>(() => Install(source))!.Message, Does.Contain(says));
        AssertNothingIsThere();
    }

    [Test]
    public void An_adapter_with_a_contract_assembly_of_its_own_is_refused()
    {
        var source = PluginPackage.WriteFolder(Path.Combine(_work, "publish"), "Plugins.Hello", (1, 0), "hello");
        File.Copy(typeof(IOrchestratorPlugin).Assembly.Location, Path.Combine(source, "Calico.Abstractions.dll"));
        Assert.That(Assert.Throws<CalicoException>(() => Install(source))!.Message,
            Does.Contain("brings a Calico.Abstractions.dll of its own"));
        AssertNothingIsThere();
    }

    [Test]
    public void A_package_that_is_cut_or_damaged_anywhere_leaves_nothing_or_is_whole()
    {
        var whole = File.ReadAllBytes(Package("whole.nupkg", "1.0.0"));
        var broken = Path.Combine(_work, "broken.nupkg");
        for (var at = 0; at < whole.Length; at += Math.Max(1, whole.Length / 40))
        {
            File.WriteAllBytes(broken, whole[..at]);
            Assert.That(Refused(broken), Is.EqualTo(Problem.Invalid), $"cut at {at}");
            var damaged = whole.ToArray();
            damaged[at] ^= 0xff;
            File.WriteAllBytes(broken, damaged);
            try
            {
                Install(broken);
                Commands.Remove("hello", null);
            }
            catch (CalicoException e)
            {
                Assert.That(e.Problem, Is.AnyOf(Problem.Invalid, Problem.Unsupported), $"damaged at {at}: {e.Message}");
            }

            AssertNothingIsThere();
        }
    }

    [Test]
    public void An_id_is_looked_for_in_the_feeds_and_the_highest_release_is_taken()
    {
        Package("feed/Acme.Hello.1.0.0.nupkg", "1.0.0");
        Package("feed/Acme.Hello.1.10.0.nupkg", "1.10.0");
        Package("feed/Acme.Hello.2.0.0-rc.1.nupkg", "2.0.0-rc.1");
        Install("Acme.Hello@1.0.0");
        Assert.That(Installed().Single().Version, Is.EqualTo("1.0.0"));
        Commands.UpgradeAsync("hello", CancellationToken.None).GetAwaiter().GetResult();
        Assert.That(Installed().Select(p => p.Version), Is.EqualTo(new[] { "1.10.0", "1.0.0" }));
        Commands.UpgradeAsync(null, CancellationToken.None).GetAwaiter().GetResult();
        Assert.That(_output.ToString(), Does.EndWith($"adapter 'hello' 1.10.0 is the newest in {Feed}\n"));
        Assert.That(Refused("Acme.Hello@3.0.0"), Is.EqualTo(Problem.NotFound));
        Assert.That(Refused("Acme.Unknown"), Is.EqualTo(Problem.NotFound));
        Assert.That(Refused("Acme.Hello@new"), Is.EqualTo(Problem.Invalid));
        Assert.That(Refused("a b"), Is.EqualTo(Problem.Invalid));
        Assert.That(Directory.GetFileSystemEntries(Root).Select(Path.GetFileName), Is.EqualTo(new[] { "hello" }));
    }

    [Test]
    public void A_folder_that_is_called_as_a_package_is_does_not_stand_in_its_way()
    {
        Package("feed/Acme.Hello.1.0.0.nupkg", "1.0.0");
        var name = $"Calico.Unit.{Guid.NewGuid():N}";
        File.Copy(Package("named.nupkg", "1.0.0", name), Path.Combine(Feed, $"{name}.1.0.0.nupkg"));
        // Relative names are of the working folder, which is the process's.
        Directory.CreateDirectory(name);
        try
        {
            Install(name);
        }
        finally
        {
            Directory.Delete(name);
        }

        Assert.That(Installed().Single().Name, Is.EqualTo("hello"));
    }

    [Test]
    public void A_feed_that_is_away_is_named_and_stops_no_other()
    {
        Package("feed/Acme.Hello.1.0.0.nupkg", "1.0.0");
        var commands = new PluginCommands(Root, new StringWriter(_output)) { Feeds = ["http://127.0.0.1:9/index.json", Feed],
            FeedPatience = TimeSpan.FromMilliseconds(500) };
        commands.InstallAsync("Acme.Hello", CancellationToken.None).GetAwaiter().GetResult();
        var error = Assert.Throws<CalicoException>(() => commands.InstallAsync("Acme.Other", CancellationToken.None).GetAwaiter()
            .GetResult())!;
        Assert.That((error.Problem, error.Message.Contains("127.0.0.1:9", StringComparison.Ordinal)),
            Is.EqualTo((Problem.Unavailable, true)), error.Message);
        Assert.That(error.Message, Does.Not.Contain("\n"));
    }

    [Test]
    public void A_dry_run_checks_everything_and_leaves_nothing()
    {
        var commands = new PluginCommands(Root, new StringWriter(_output)) { Feeds = [Feed], DryRun = true };
        commands.InstallAsync(Package("1.nupkg", "1.0.0"), CancellationToken.None).GetAwaiter().GetResult();
        Assert.That(_output.ToString(), Does.StartWith("would install adapter 'hello' 1.0.0 in "));
        Assert.That(Directory.Exists(Root), Is.False);
    }

    [Test]
    public void What_an_interrupted_install_left_is_taken_away_by_the_next_one_and_two_do_not_work_at_once()
    {
        Directory.CreateDirectory(Path.Combine(Root, ".staging-1", "files"));
        Directory.CreateDirectory(Path.Combine(Root, ".staging-removed-x"));
        using (FileLock.TryAcquireFolder(Root))
        {
            Assert.That(Refused(Package("1.nupkg", "1.0.0")), Is.EqualTo(Problem.Unavailable));
        }

        Install(Path.Combine(_work, "1.nupkg"));
        Assert.That(Directory.GetFileSystemEntries(Root).Select(Path.GetFileName), Is.EqualTo(new[] { "hello" }));
    }

    [Test]
    public void Where_signatures_are_required_an_unsigned_package_is_refused()
    {
        var commands = new PluginCommands(Root, new StringWriter(_output)) { RequireSignatures = true };
        var error = Assert.Throws<CalicoException>(() => commands.InstallAsync(Package("1.nupkg", "1.0.0"), CancellationToken.None)
            .GetAwaiter().GetResult())!;
        Assert.That((error.Problem, error.Message),
            Is.EqualTo((Problem.Refused, $"{_work}/1.nupkg is not signed, and CALICO_PLUGIN_SIGNATURES=required asks for signatures")));
        AssertNothingIsThere();
    }

    [TestCase("plugin/../../escaped")]
    [TestCase("plugin/../escaped")]
    [TestCase("plugin//etc/escaped")]
    public void An_entry_that_points_outside_refuses_the_whole_package(string entry)
    {
        var source = PluginPackage.WriteFolder(Path.Combine(_work, "publish"), "Plugins.Hello", (1, 0), "hello");
        var package = PluginPackage.WritePackage(Path.Combine(_work, "evil.nupkg"), "Calico.Plugins.Hello", "1.0.0", source, entry);
        Assert.That(Refused(package), Is.EqualTo(Problem.Invalid));
        Assert.That(Directory.GetFiles(_work, "escaped", SearchOption.AllDirectories), Is.Empty);
        Assert.That(File.Exists("/etc/escaped"), Is.False);
        AssertNothingIsThere();
    }

    [TestCase("../hello", "1.0.0")]
    [TestCase("Hello", "../../1.0.0")]
    [TestCase("Hello", "..")]
    [TestCase("Hello", "/tmp/calico-escaped")]
    [TestCase("Hello", "")]
    [TestCase("", "1.0.0")]
    public void An_id_or_version_with_tricks_goes_nowhere_but_the_adapters_folder(string id, string version)
    {
        var source = PluginPackage.WriteFolder(Path.Combine(_work, "publish"), "Plugins.Hello", (1, 0), "hello");
        var package = Path.Combine(_work, "evil.nupkg");
        PluginPackage.WritePackage(package, "x", "1.0.0", source);
        using (var archive = System.IO.Compression.ZipFile.Open(package, System.IO.Compression.ZipArchiveMode.Update))
        {
            archive.GetEntry("x.nuspec")!.Delete();
            using var writer = new StreamWriter(archive.CreateEntry("x.nuspec").Open());
            writer.Write($"<package><metadata><id>{id}</id><version>{version}</version></metadata></package>");
        }

        try
        {
            Install(package);
            Assert.That(Directory.GetDirectories(Root).Select(Path.GetFileName), Is.EqualTo(new[] { "hello" }));
        }
        catch (CalicoException e)
        {
            Assert.That(e.Problem, Is.EqualTo(Problem.Invalid), e.Message);
        }

        Assert.That(Directory.GetFileSystemEntries(_work).Select(Path.GetFileName),
            Is.SubsetOf(new[] { "feed", "publish", "evil.nupkg", "plugins" }));
        Assert.That(Directory.Exists("/tmp/calico-escaped"), Is.False);
    }

    [TestCase("../evil")]
    [TestCase("Hello")]
    [TestCase("..")]
    [TestCase("")]
    [TestCase("a-name-that-is-longer-than-a-folder-of-ours-may-be")]
    public void An_adapters_name_that_is_no_folder_name_is_refused(string name)
    {
        var source = PluginPackage.WriteFolder(Path.Combine(_work, "publish"), "Plugins.Hello", (1, 0), name);
        Assert.That(Refused(source), Is.EqualTo(Problem.Invalid));
        AssertNothingIsThere();
    }

    [Test]
    public void What_is_no_adapter_is_refused_and_leaves_nothing()
    {
        var source = PluginPackage.WriteFolder(Path.Combine(_work, "publish"), "Plugins.Hello", (1, 99), "hello");
        Assert.That(Refused(source), Is.EqualTo(Problem.Unsupported));
        Assert.That(Refused(Path.Combine(_work, "nowhere")), Is.EqualTo(Problem.NotFound));
        File.WriteAllText(Path.Combine(_work, "text.nupkg"), "not a package");
        Assert.That(Refused(Path.Combine(_work, "text.nupkg")), Is.EqualTo(Problem.Invalid));
        PluginPackage.WriteFolder(source, "Plugins.Second", (1, 0), "second");
        Assert.That(Refused(source), Is.EqualTo(Problem.Invalid));
        AssertNothingIsThere();
    }

    [Test]
    public void A_version_or_all_of_an_adapter_is_removed()
    {
        PluginPackage.WriteFolder(Path.Combine(Root, "hello", "1.0.0"), "hello", (1, 0));
        PluginPackage.WriteFolder(Path.Combine(Root, "hello", "2.0.0"), "hello", (1, 0));
        Commands.Remove("hello", "2.0.0");
        Assert.That(Installed().Select(p => p.Version), Is.EqualTo(new[] { "1.0.0" }));
        Commands.Remove("hello", null);
        Assert.That(Directory.GetFileSystemEntries(Root), Is.Empty);
        Assert.That(Assert.Throws<CalicoException>(() => Commands.Remove("hello", null))!.Problem, Is.EqualTo(Problem.NotFound));
    }

    [TestCase("..", null)]
    [TestCase(".staging-1", null)]
    [TestCase("a/b", null)]
    [TestCase("", null)]
    [TestCase("hello", "..")]
    [TestCase("hello", ".")]
    [TestCase("hello", "")]
    [TestCase("hello", "a/../..")]
    public void Nothing_but_an_adapters_folder_is_removed(string name, string? version)
    {
        PluginPackage.WriteFolder(Path.Combine(Root, "hello", "1.0.0"), "hello", (1, 0));
        Assert.That(Assert.Throws<CalicoException>(() => Commands.Remove(name, version))!.Problem, Is.EqualTo(Problem.Invalid));
        Assert.That(Installed(), Has.Count.EqualTo(1));
    }

    [Test]
    public void The_list_names_what_is_wrong_with_an_adapter()
    {
        PluginPackage.WriteFolder(Path.Combine(Root, "hello", "1.0.0"), "hello", (1, 0));
        PluginPackage.WriteFolder(Path.Combine(Root, "newer", "1.0.0"), "newer", (1, 99));
        Commands.ListAsync(new(Path.Combine(_work, "no.sock")), CancellationToken.None).GetAwaiter().GetResult();
        Assert.That(_output.ToString(), Does.Match("hello +1.0.0 +1.0 +- ").And.Match("newer .*contract 1.99"));
    }

    /// <summary>A package of the adapter "hello".</summary>
    private string Package(string file, string version, string id = "Acme.Hello")
    {
        var source = PluginPackage.WriteFolder(Path.Combine(_work, "publish", version), "Plugins.Hello", (1, 0), "hello");
        PluginPackage.WriteManifest(source, "hello", version, "Plugins.Hello.dll");
        return PluginPackage.WritePackage(Path.Combine(_work, file), id, version, source);
    }

    private void AssertNothingIsThere() => Assert.That(Directory.Exists(Root) ? Directory.GetFileSystemEntries(Root) : [], Is.Empty);

    private Dictionary<string, string> Files() =>
        Directory.GetFiles(Root, "*", SearchOption.AllDirectories).ToDictionary(f => f, f => Convert.ToHexString(File.ReadAllBytes(f)));

    private List<PluginFolder> Installed() => PluginFolder.Scan(Root, (name, _, problem) => Assert.Fail($"{name}: {problem}"));

    private Problem Refused(string source) => Assert.Throws<CalicoException>(() => Install(source))!.Problem;

    private void Install(string source) => Commands.InstallAsync(source, CancellationToken.None).GetAwaiter().GetResult();
}
