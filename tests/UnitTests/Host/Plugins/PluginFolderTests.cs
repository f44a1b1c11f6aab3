using Calico.Host.Plugins;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Plugins;

/// <summary>Which installed adapters are taken.</summary>
[TestFixture]
public sealed class PluginFolderTests
{
    private readonly Dictionary<string, string> _problems = [];
    private string _root = "";

    [SetUp]
    public void MakeFolder()
    {
        if (Environment.UserName != "root")
        {
            Assert.Ignore("an adapter's files belong to root, so only root can make them");
        }

        _problems.Clear();
        _root = PluginPackage.MakeTrustedFolder();
    }

    [TearDown]
    public void DeleteFolder()
    {
        if (_root.Length > 0)
        {
            Directory.Delete(_root, recursive: true);
        }
    }

    [Test]
    public void The_highest_version_is_taken_and_one_bad_adapter_does_not_stop_the_others()
    {
        Adapter("good", "1.9.0");
        Adapter("good", "1.10.0");
        Adapter("newer", "2.0.0", (1, 99));
        Directory.CreateDirectory(Path.Combine(_root, "empty"));
        var found = Scan();
        Assert.That(found.Select(p => (p.Name, p.Version)), Is.EqualTo(new[] { ("good", "1.10.0"), ("good", "1.9.0") }),
            "the newest first, the older for when it cannot be loaded");
        Assert.That(_problems.Keys, Is.EquivalentTo(new[] { "empty", "newer" }));
        Assert.That(_problems["empty"], Does.Contain("no version folder"));
    }

    [TestCase(1, 1)]
    [TestCase(2, 0)]
    [TestCase(0, 9)]
    public void Another_contract_is_refused_with_both_versions(int major, int minor)
    {
        var folder = Adapter("other", "3.0.0", (major, minor));
        var error = Assert.Throws<CalicoException>(() => PluginFolder.Open("other", folder.FullName));
        Assert.That(error!.Problem, Is.EqualTo(Problem.Unsupported));
        Assert.That(error.Message, Does.Contain($"{major}.{minor}").And.Contain("this host has 1.0").And.Contain("'other' 3.0.0"));
    }

    [Test]
    public void An_assembly_without_a_contract_is_no_adapter()
    {
        var folder = PluginPackage.WriteFolder(Path.Combine(_root, "plain", "1.0.0"), "Plain", null);
        Assert.That(RefusalOf("plain", folder), Does.Contain("no CalicoContract attribute"));
    }

    [Test]
    public void A_file_that_is_no_assembly_is_refused()
    {
        var folder = Adapter("broken", "1.0.0").FullName;
        File.WriteAllText(Path.Combine(folder, "broken.dll"), "not a program");
        Assert.That(RefusalOf("broken", folder), Does.Contain("is not a .NET assembly"));
    }

    [Test]
    public void Two_main_assemblies_are_refused_and_none_is_too()
    {
        var folder = Adapter("two", "1.0.0").FullName;
        PluginPackage.WriteFolder(folder, "another", (1, 0));
        Assert.That(RefusalOf("two", folder), Does.Contain("2 assemblies"));
        File.Delete(Path.Combine(folder, "two.deps.json"));
        File.Delete(Path.Combine(folder, "another.deps.json"));
        Assert.That(RefusalOf("two", folder), Does.Contain("0 assemblies"));
    }

    [TestCase(".", UnixFileMode.OtherWrite)]
    [TestCase(".", UnixFileMode.GroupWrite)]
    [TestCase("open.dll", UnixFileMode.OtherWrite)]
    [TestCase("open.deps.json", UnixFileMode.GroupWrite)]
    public void What_others_may_write_is_refused(string name, UnixFileMode bit)
    {
        var folder = Adapter("open", "1.0.0").FullName;
        var path = Path.GetFullPath(Path.Combine(folder, name));
        File.SetUnixFileMode(path, File.GetUnixFileMode(path) | bit);
        Assert.That(RefusalOf("open", folder), Does.Contain("can be written by others").And.Contain(path));
    }

    [Test]
    public void A_root_that_is_not_there_has_no_adapters() =>
        Assert.That(PluginFolder.Scan(Path.Combine(_root, "none"), (_, _, _) => Assert.Fail("a problem")), Is.Empty);

    private DirectoryInfo Adapter(string name, string version, (int, int)? contract = null) =>
        new(PluginPackage.WriteFolder(Path.Combine(_root, name, version), name, contract ?? (1, 0)));

    private List<PluginFolder> Scan() => PluginFolder.Scan(_root,
        (name, version, problem) => _problems[version is null || version == "2.0.0" ? name : $"{name}/{version}"] = problem);

    private static string RefusalOf(string name, string folder)
    {
        var error = Assert.Throws<CalicoException>(() => PluginFolder.Open(name, folder));
        Assert.That(error!.Problem, Is.EqualTo(Problem.Invalid));
        return error.Message;
    }
}
