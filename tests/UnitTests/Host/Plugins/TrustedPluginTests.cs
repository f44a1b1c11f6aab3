using Calico.Datastore.Settings;
using Calico.Host.Health;
using Calico.Host.Plugins;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Plugins;

/// <summary>Rows A9, B13 and C1 of issue 13: code of nobody but root is loaded, and one bad folder stops no other.</summary>
[TestFixture, Parallelizable]
public sealed class TrustedPluginTests
{
    private const UnixFileMode Shared = (UnixFileMode)0b111_111_111;

    private readonly Dictionary<string, string> _problems = [];
    private string _work = "";

    private string Root => Path.Combine(_work, "way", "plugins");

    [SetUp]
    public void MakeFolder()
    {
        if (Environment.UserName != "root")
        {
            Assert.Ignore("an adapter's files belong to root, so only root can make them");
        }

        _problems.Clear();
        _work = PluginPackage.MakeTrustedFolder();
        Adapter("good", "1.0.0");
        Adapter("other", "1.0.0");
    }

    [TearDown]
    public void DeleteFolder()
    {
        if (_work.Length > 0)
        {
            Directory.Delete(_work, recursive: true);
        }
    }

    [TestCase("way", 0b111_111_111)]
    [TestCase("way/plugins", 0b111_111_111)]
    [TestCase("way/plugins", 0b111_111_101)]
    [TestCase("way", 0b001_111_111_111)]
    public void A9_a_folder_on_the_way_that_others_may_write_refuses_all(string folder, int mode)
    {
        File.SetUnixFileMode(Path.Combine(_work, folder), (UnixFileMode)mode);
        var error = Assert.Throws<CalicoException>(() => Scan());
        Assert.That(error!.Message, Does.Contain($"{_work}/{folder} can be written by others").And.Contain(
            ((UnixFileMode)mode).HasFlag(UnixFileMode.StickyBit) ? $"install it in a folder that is not below {_work}/{folder}"
                : "chmod go-w"));
    }

    [Test]
    public void A9_a_folder_on_the_way_that_belongs_to_another_user_refuses_all()
    {
        PluginPackage.GiveAway(Path.Combine(_work, "way"));
        Assert.That(Assert.Throws<CalicoException>(() => Scan())!.Message, Does.Contain($"{_work}/way belongs to user 12345"));
    }

    [TestCase("good")]
    [TestCase("good/2.0.0")]
    [TestCase("good/2.0.0/runtimes")]
    [TestCase("good/2.0.0/runtimes/native.so")]
    [TestCase("good/2.0.0/good.deps.json")]
    public void A9_what_another_user_has_or_may_write_is_refused_and_nothing_else_is(string path)
    {
        foreach (var change in (Action<string>[])[p => PluginPackage.GiveAway(p), p => File.SetUnixFileMode(p, Shared)])
        {
            _problems.Clear();
            Directory.Delete(Path.Combine(Root, "good"), recursive: true);
            Adapter("good", "1.0.0");
            var folder = Adapter("good", "2.0.0");
            Directory.CreateDirectory(Path.Combine(folder, "runtimes"));
            File.WriteAllText(Path.Combine(folder, "runtimes", "native.so"), "");
            change(Path.Combine(Root, path));
            var found = Scan().Select(p => $"{p.Name} {p.Version}");
            Assert.That(found, Is.EqualTo(path == "good" ? ["other 1.0.0"] : new[] { "good 1.0.0", "other 1.0.0" }));
            Assert.That(_problems.Single().Value, Does.Contain(Path.Combine(Root, path)));
        }
    }

    [Test]
    public void A9_a_link_is_what_its_target_is()
    {
        var elsewhere = PluginPackage.WriteFolder(Path.Combine(_work, "elsewhere"), "good", (1, 0));
        Directory.CreateSymbolicLink(Path.Combine(Root, "good", "2.0.0"), elsewhere);
        Directory.CreateSymbolicLink(Path.Combine(Root, "good", "3.0.0"), "../../../elsewhere");
        Assert.That(Scan().Select(p => p.Version), Is.EqualTo(new[] { "3.0.0", "2.0.0", "1.0.0", "1.0.0" }));
        PluginPackage.GiveAway(elsewhere);
        Assert.That(Scan().Select(p => p.Version), Is.EqualTo(new[] { "1.0.0", "1.0.0" }));
    }

    [Test]
    public void C1_what_lies_in_a_plugins_folder_is_named_and_stops_nothing()
    {
        File.CreateSymbolicLink(Path.Combine(Root, "dangling"), "/nowhere");
        File.CreateSymbolicLink(Path.Combine(Root, "itself"), "itself");
        File.WriteAllText(Path.Combine(Root, "README"), "");
        File.CreateSymbolicLink(Path.Combine(Adapter("good", "2.0.0"), "missing.so"), "gone.so");
        Directory.CreateSymbolicLink(Path.Combine(Adapter("good", "3.0.0"), "above"), "..");
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", ["-m", "600", Path.Combine(Adapter("good", "4.0.0"), "pipe")]))
        {
            mkfifo.WaitForExit();
        }

        Assert.That(Scan().Select(p => $"{p.Name} {p.Version}"), Is.EqualTo(new[] { "good 1.0.0", "other 1.0.0" }));
        Assert.That(_problems.Keys, Is.EquivalentTo(new[] { "dangling", "itself", "good/2.0.0", "good/3.0.0", "good/4.0.0" }));
    }

    [Test]
    public void C1_any_bytes_in_place_of_an_assembly_are_refused()
    {
        var folder = Adapter("good", "1.0.0");
        var assembly = Path.Combine(folder, "good.dll");
        var whole = File.ReadAllBytes(assembly);
        var seed = Environment.TickCount;
        TestContext.Out.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var round = 0; round < 2000; round++)
        {
            var bytes = (byte[])whole.Clone();
            for (var i = random.Next(1, 40); i > 0; i--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            File.WriteAllBytes(assembly, random.Next(4) == 0 ? bytes[..random.Next(bytes.Length)] : bytes);
            try
            {
                PluginFolder.Open("good", folder);
            }
            catch (CalicoException)
            {
                // Said; anything else would have ended the host.
            }
        }
    }

    [TestCase("{}", TestName = "C1_dependencies_without_a_target_are_refused_before_the_runtime_ends_the_process_over_them")]
    [TestCase("", TestName = "C1_dependencies_that_are_no_JSON_are_refused")]
    [TestCase("""{"runtimeTarget":{"name":null},"targets":{},"libraries":{}}""",
        TestName = "C1_dependencies_whose_target_has_no_name_are_refused")]
    [TestCase("""{"runtimeTarget":"x","targets":{"x":{"a/1":{"runtime":[]}}},"libraries":{}}""",
        TestName = "C1_dependencies_with_a_list_for_an_object_are_refused")]
    [TestCase("""{"runtimeTarget":"x","targets":{"x":{}},"libraries":{"a/1":{"type":7,"sha512":"","serviceable":false}}}""",
        TestName = "C1_dependencies_with_a_number_for_a_text_are_refused")]
    public void Dependencies(string text)
    {
        var folder = Adapter("good", "1.0.0");
        File.WriteAllText(Path.Combine(folder, "good.deps.json"), text);
        Assert.That(Assert.Throws<CalicoException>(() => PluginFolder.Open("good", folder))!.Message,
            Does.Contain("good.deps.json is not as the .NET SDK writes it"));
    }

    [Test]
    public void A9_what_is_loaded_is_what_was_checked_while_files_and_folders_are_exchanged()
    {
        var folder = Adapter("good", "1.0.0");
        File.WriteAllText(Path.Combine(folder, "marker"), "root's");
        var theirs = PluginPackage.WriteFolder(Path.Combine(_work, "theirs"), "good", (1, 0));
        File.WriteAllText(Path.Combine(theirs, "marker"), "theirs");
        var alone = Path.Combine(_work, "marker");
        File.WriteAllText(alone, "theirs");
        PluginPackage.GiveAway(theirs);
        PluginPackage.GiveAway(alone);

        var (aside, kept) = (Path.Combine(_work, "aside"), Path.Combine(_work, "kept"));
        using var stop = new CancellationTokenSource();
        var swapping = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                Directory.Move(folder, aside);
                Directory.CreateSymbolicLink(folder, theirs);
                Directory.Delete(folder);
                Directory.Move(aside, folder);
                File.Move(Path.Combine(folder, "marker"), kept);
                File.Move(alone, Path.Combine(folder, "marker"));
                Thread.SpinWait(2000);
                File.Move(Path.Combine(folder, "marker"), alone);
                File.Move(kept, Path.Combine(folder, "marker"));
                Thread.SpinWait(20000);
            }
        });
        var (loaded, refused) = (0, 0);
        for (var i = 0; i < 20000 && (i < 500 || loaded == 0 || refused == 0); i++)
        {
            var copy = Path.Combine(_work, "copies", $"{i}");
            try
            {
                var plugin = PluginFolder.Open("good", folder).CopyTo(copy);
                loaded++;
                Assert.That(File.Exists(plugin.Assembly), Is.True);
            }
            catch (CalicoException)
            {
                refused++;
            }

            var marker = Path.Combine(copy, "marker");
            Assert.That(!File.Exists(marker) || File.ReadAllText(marker) is "root's" or "", Is.True, "nothing of another user's was taken");
            if (Directory.Exists(copy))
            {
                Directory.Delete(copy, recursive: true);
            }
        }

        stop.Cancel();
        swapping.Wait();
        Assert.That((loaded > 0, refused > 0), Is.EqualTo((true, true)), "the exchange met loads and refusals");
    }

    [Test]
    public void A9_a_copy_that_is_the_same_is_used_again_and_any_other_is_made_anew()
    {
        var folder = Adapter("good", "1.0.0");
        File.WriteAllText(Path.Combine(folder, "marker"), "one");
        var copy = Path.Combine(_work, "copies", "1.0.0");
        var marker = Path.Combine(copy, "marker");
        DateTime Made()
        {
            PluginFolder.Open("good", folder).CopyTo(copy);
            return File.GetCreationTimeUtc(marker);
        }

        var made = Made();
        Assert.That(Made(), Is.EqualTo(made), "a start on a full disk could not make it anew");
        File.WriteAllText(marker, "another's");
        Made();
        Assert.That(File.ReadAllText(marker), Is.EqualTo("one"));
        File.WriteAllText(Path.Combine(copy, "more"), "");
        Made();
        Assert.That(File.Exists(Path.Combine(copy, "more")), Is.False);
    }

    [Test]
    public async Task B13_without_an_adapter_health_says_so_and_how_to_get_one()
    {
        var health = new HealthBoard();
        await using var roster = Roster(Path.Combine(_work, "none"), "", health);
        roster.Load();
        Assert.That(health.Lines.Single(l => l is { Part: "adapters", Ok: false }).Reason, Does.Contain("calico-host plugin install"));
        Assert.That(health.NotReady, Is.Empty);
    }

    [Test]
    public async Task A9_an_adapter_that_cannot_be_loaded_is_named_with_all_its_versions()
    {
        var health = new HealthBoard();
        Adapter("good", "2.0.0");
        File.SetUnixFileMode(Path.Combine(Root, "good", "2.0.0"), Shared);
        // Assemblies without an adapter in them: each version is tried, each is refused, none ends the host.
        await using var roster = Roster(Root, "good,missing", health);
        roster.Load();
        Assert.That(roster.Plugins, Is.Empty);
        Assert.That(health.Lines.Single(l => l.Part == "good").Reason,
            Does.Contain("2.0.0 can be written by others").And.Contain("0 public classes"));
        Assert.That(health.Lines.Single(l => l.Part == "missing").Reason, Does.Contain("not installed"));
        Assert.That(Directory.GetFiles(Path.Combine(_work, "data", "loading")), Is.Empty);
    }

    private PluginRoster Roster(string root, string enabled, HealthBoard health) => new(root, enabled, Path.Combine(_work, "data"),
        new SettingsReader(_ => null, SettingsFile.None), new((_, _) => { }), health, NullLoggerFactory.Instance);

    private string Adapter(string name, string version) => PluginPackage.WriteFolder(Path.Combine(Root, name, version), name, (1, 0));

    private List<PluginFolder> Scan() =>
        PluginFolder.Scan(Root, (name, version, problem) => _problems[version is null ? name : $"{name}/{version}"] = problem);
}
