using System.Text;
using Calico.Host.Commands;
using Calico.Host.Plugins;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>Installing, listing and removing adapters.</summary>
[TestFixture]
public sealed class PluginCommandsTests
{
    private readonly StringBuilder _output = new();
    private string _work = "";

    private string Root => Path.Combine(_work, "plugins");

    private PluginCommands Commands => new(Root, new StringWriter(_output));

    [SetUp]
    public void MakeFolder()
    {
        if (Environment.UserName != "root")
        {
            Assert.Ignore("an adapter's files belong to root, so only root can install them");
        }

        _output.Clear();
        _work = PluginPackage.MakeTrustedFolder();
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
        var source = PluginPackage.WriteFolder(Path.Combine(_work, "publish"), "Plugins.Hello", (1, 0));
        Directory.CreateDirectory(Path.Combine(source, "runtimes"));
        File.WriteAllText(Path.Combine(source, "runtimes", "native.so"), "");
        Commands.Install(source);

        var installed = Installed().Single();
        Assert.That(installed.Name, Is.EqualTo("hello"));
        Assert.That(File.Exists(Path.Combine(installed.Directory, "runtimes", "native.so")), Is.True);
        Assert.That(File.GetUnixFileMode(installed.Assembly), Is.EqualTo((UnixFileMode)0b110_100_100));
        Assert.That(Directory.GetFileSystemEntries(Root).Select(Path.GetFileName), Is.EqualTo(new[] { "hello" }), "no staging folder is left");
    }

    [Test]
    public void A_package_is_installed_beside_its_older_version_and_not_twice()
    {
        var source = PluginPackage.WriteFolder(Path.Combine(_work, "publish"), "Plugins.Hello", (1, 0));
        Commands.Install(PluginPackage.WritePackage(Path.Combine(_work, "1.nupkg"), "Calico.Plugins.Hello", "1.0.0", source));
        Commands.Install(PluginPackage.WritePackage(Path.Combine(_work, "2.nupkg"), "Calico.Plugins.Hello", "1.1.0", source));
        Assert.That(Installed().Select(p => (p.Name, p.Version)), Is.EqualTo(new[] { ("hello", "1.1.0"), ("hello", "1.0.0") }));
        Assert.That(Directory.GetDirectories(Path.Combine(Root, "hello")), Has.Length.EqualTo(2));
        Assert.That(Refused(Path.Combine(_work, "2.nupkg")), Is.EqualTo(Problem.AlreadyExists));
    }

    [TestCase("plugin/../../escaped")]
    [TestCase("plugin/../escaped")]
    [TestCase("plugin//etc/escaped")]
    public void An_entry_that_points_outside_refuses_the_whole_package(string entry)
    {
        var source = PluginPackage.WriteFolder(Path.Combine(_work, "publish"), "Plugins.Hello", (1, 0));
        var package = PluginPackage.WritePackage(Path.Combine(_work, "evil.nupkg"), "Calico.Plugins.Hello", "1.0.0", source, entry);
        Assert.That(Refused(package), Is.EqualTo(Problem.Invalid));
        Assert.That(Directory.GetFiles(_work, "escaped", SearchOption.AllDirectories), Is.Empty);
        Assert.That(File.Exists("/etc/escaped"), Is.False);
        Assert.That(Directory.GetFileSystemEntries(Root), Is.Empty);
    }

    [TestCase("Calico.Plugins...", "1.0.0")]
    [TestCase("../hello", "1.0.0")]
    [TestCase("Hello", "../../1.0.0")]
    [TestCase("Hello", "..")]
    [TestCase("Hello", "/tmp/calico-escaped")]
    [TestCase("Hello", ".hidden")]
    [TestCase("Hello", "")]
    public void A_name_or_version_that_is_no_folder_name_is_refused(string id, string version)
    {
        var source = PluginPackage.WriteFolder(Path.Combine(_work, "publish"), "Plugins.Hello", (1, 0));
        var package = Path.Combine(_work, "evil.nupkg");
        PluginPackage.WritePackage(package, "x", "1.0.0", source);
        using (var archive = System.IO.Compression.ZipFile.Open(package, System.IO.Compression.ZipArchiveMode.Update))
        {
            archive.GetEntry("x.nuspec")!.Delete();
            using var writer = new StreamWriter(archive.CreateEntry("x.nuspec").Open());
            writer.Write($"<package><metadata><id>{id}</id><version>{version}</version></metadata></package>");
        }

        Assert.That(Refused(package), Is.EqualTo(Problem.Invalid));
        Assert.That(Directory.GetFileSystemEntries(Root), Is.Empty);
        Assert.That(Directory.GetFileSystemEntries(_work).Select(Path.GetFileName), Is.EquivalentTo(new[] { "publish", "evil.nupkg", "plugins" }));
        Assert.That(Directory.Exists("/tmp/calico-escaped"), Is.False);
    }

    [Test]
    public void What_is_no_adapter_is_refused_and_leaves_nothing()
    {
        var source = PluginPackage.WriteFolder(Path.Combine(_work, "publish"), "Plugins.Hello", (1, 99));
        Assert.That(Refused(source), Is.EqualTo(Problem.Unsupported));
        Assert.That(Refused(Path.Combine(_work, "nowhere")), Is.EqualTo(Problem.NotFound));
        File.WriteAllText(Path.Combine(_work, "text.nupkg"), "not a package");
        Assert.That(Refused(Path.Combine(_work, "text.nupkg")), Is.EqualTo(Problem.Refused));
        PluginPackage.WriteFolder(source, "Plugins.Second", (1, 0));
        Assert.That(Refused(source), Is.EqualTo(Problem.Invalid));
        Assert.That(Directory.GetFileSystemEntries(Root), Is.Empty);
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
        Commands.List();
        Assert.That(_output.ToString(), Does.Match("hello +1.0.0 ").And.Match("newer .*contract 1.99"));
    }

    private List<PluginFolder> Installed() => PluginFolder.Scan(Root, (name, _, problem) => Assert.Fail($"{name}: {problem}"));

    private Problem Refused(string source) => Assert.Throws<CalicoException>(() => Commands.Install(source))!.Problem;
}
