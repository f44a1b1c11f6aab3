using System.IO.Compression;
using System.Text;
using Calico.Host.Commands;
using Calico.Host.Plugins;
using Calico.Host.Plugins.Packages;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Plugins;

/// <summary>Packages and feeds that are made to hurt, or made by accident: each is one sentence, and nothing is left.</summary>
[TestFixture, Parallelizable]
public sealed partial class HostilePackagesTests
{
    private readonly StringBuilder _output = new();
    private string _work = "";

    private string Root => Path.Combine(_work, "plugins");

    private string Feed => Path.Combine(_work, "feed");

    private string Name => Path.Combine(Root, "hello");

    private PluginCommands Commands => From(Feed);

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

    [TestCase("Plugins.Hello.dll/below")]
    [TestCase("Plugins.Hello.dll")]
    [TestCase("./Plugins.Hello.dll")]
    [TestCase("../plugin/Plugins.Hello.dll")]
    [TestCase(".")]
    [TestCase("..")]
    [TestCase("a\0b")]
    [TestCase("/etc/evil")]
    [TestCase("a/../../b")]
    [TestCase("1/2/3/4/5/6/7/8/9/10/x")]
    public void An_entry_with_tricks_is_refused(string entry) => AssertRefused(Package("1.0.0", "evil.nupkg", entry));

    [Test]
    public void An_entry_with_a_name_longer_than_a_file_can_have_is_refused() =>
        AssertRefused(Package("1.0.0", "evil.nupkg", new string('a', 300)));

    [Test]
    public void Two_that_say_who_the_package_is_are_refused()
    {
        var package = Package("1.0.0", "evil.nupkg");
        Change(package, archive => Write(archive, "other.nuspec",
            "<package><metadata><id>b</id><version>2.0.0</version></metadata></package>"));
        AssertRefused(package);
    }

    [TestCase("PLUGIN/")]
    [TestCase("Plugin/")]
    public void A_plugin_folder_in_other_letters_is_none_and_the_message_says_what_is_looked_for(string prefix)
    {
        var package = Path.Combine(_work, "case.nupkg");
        PluginPackage.WritePackage(package, "Acme.Hello", "1.0.0", Directory.CreateDirectory(Path.Combine(_work, "none")).FullName,
            prefix + "Plugins.Hello.dll");
        Assert.That(AssertRefused(package), Does.Contain("has no plugin/ folder"));
    }

    [Test]
    public void A_link_in_a_package_is_a_file_with_a_text()
    {
        var package = Package("1.0.0", "link.nupkg");
        Change(package, archive =>
        {
            var entry = archive.CreateEntry("plugin/link");
            entry.ExternalAttributes = unchecked((int)0xA1FF0000);
            using var writer = new StreamWriter(entry.Open());
            writer.Write("/etc/shadow");
        });
        Install(package);
        var link = new FileInfo(Path.Combine(Name, "1.0.0", "link"));
        Assert.That((link.LinkTarget, File.ReadAllText(link.FullName)), Is.EqualTo(((string?)null, "/etc/shadow")));
    }

    [Test]
    public void Lengths_that_add_up_to_more_than_a_number_can_hold_are_refused()
    {
        var package = Package("1.0.0", "evil.nupkg");
        // ZIP64: each says that it is 2^63 - 1 bytes long.
        File.WriteAllBytes(package, Enormous());
        Assert.That(AssertRefused(package), Does.Contain("MiB"));
    }

    [TestCase("\"name\":\"hello\",", "\"name\":\"hello\",\"name\":\"hello\",")]
    [TestCase("\"version\":\"1.0.0\"", "\"version\":\"2.0.0\",\"version\":\"1.0.0\"")]
    [TestCase("\"minimumHost\":\"0.1.0\"", "\"minimumHost\":\"very new\"")]
    [TestCase("\"minimumHost\":\"0.1.0\"", "\"minimumHost\":\"\"")]
    [TestCase("\"contract\":\"1.0\"", "\"contract\":\"9.9\"")]
    [TestCase("\"name\":\"hello\"", "\"name\":null")]
    [TestCase("\"manifestVersion\":1", "\"manifestVersion\":2")]
    [TestCase("{", "[{")]
    public void A_manifest_that_says_two_things_or_none_is_refused(string what, string instead)
    {
        var source = Published("1.0.0");
        var manifest = Path.Combine(source, "calico-adapter.json");
        File.WriteAllText(manifest, File.ReadAllText(manifest).Replace(what, instead, StringComparison.Ordinal));
        Assert.That(AssertRefused(source), Does.Contain("calico-adapter.json"));
    }

    [Test]
    public void A_manifest_with_a_byte_order_mark_is_read()
    {
        var source = Published("1.0.0");
        var manifest = Path.Combine(source, "calico-adapter.json");
        File.WriteAllText(manifest, File.ReadAllText(manifest), new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
        Install(source);
    }

    [Test]
    public void A_manifest_that_is_enormous_is_refused_before_it_is_read()
    {
        var source = Published("1.0.0");
        using (var file = File.OpenWrite(Path.Combine(source, "calico-adapter.json")))
        {
            file.SetLength(100 << 20);
        }

        Assert.That(AssertRefused(source), Does.Contain("calico-adapter.json"));
    }

    [TestCase("1.0.0+build.5")]
    [TestCase("1.0.0-rc.1+build-5")]
    public void A_version_with_metadata_is_installed_and_removed_by_its_name(string version)
    {
        Install(Package(version, "meta.nupkg"));
        Assert.That(Installed(), Is.EqualTo(new[] { version }));
        Commands.Remove("hello", version);
        Assert.That(Installed(), Is.Empty);
    }

    [Test]
    public void The_newest_is_the_newest_as_package_feeds_order_them()
    {
        string[] ordered = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.9",
            "1.0.0-rc.10", "1.0.0+build-5", "1.0.1", "1.10.0"];
        foreach (var version in ordered)
        {
            Install(Published(version));
        }

        Assert.That(Installed().AsEnumerable().Reverse(), Is.EqualTo(ordered));
    }
}
