using System.IO.Compression;
using System.Text;
using Calico.Host.Commands;
using Calico.Host.Plugins;
using Calico.Host.Plugins.Packages;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>Packages and feeds that are made to hurt, or made by accident: each is one sentence, and nothing is left.</summary>
[TestFixture]
public sealed class HostilePackagesTests
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
    public void An_entry_with_a_name_longer_than_a_file_can_have_is_refused() => AssertRefused(Package("1.0.0", "evil.nupkg", new string('a', 300)));

    [Test]
    public void Two_that_say_who_the_package_is_are_refused()
    {
        var package = Package("1.0.0", "evil.nupkg");
        Change(package, archive => Write(archive, "other.nuspec", "<package><metadata><id>b</id><version>2.0.0</version></metadata></package>"));
        AssertRefused(package);
    }

    [TestCase("PLUGIN/")]
    [TestCase("Plugin/")]
    public void A_plugin_folder_in_other_letters_is_none_and_the_message_says_what_is_looked_for(string prefix)
    {
        var package = Path.Combine(_work, "case.nupkg");
        PluginPackage.WritePackage(package, "Acme.Hello", "1.0.0", Directory.CreateDirectory(Path.Combine(_work, "none")).FullName, prefix + "Plugins.Hello.dll");
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
        string[] ordered = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.9", "1.0.0-rc.10", "1.0.0+build-5", "1.0.1", "1.10.0"];
        foreach (var version in ordered)
        {
            Install(Published(version));
        }

        Assert.That(Installed().AsEnumerable().Reverse(), Is.EqualTo(ordered));
    }

    [TestCase("Acme.Hello@01.00.000")]
    [TestCase("acme.HELLO@1.0")]
    [TestCase("Acme.Hello@1.0.0+other")]
    public void A_version_written_otherwise_is_the_same(string source)
    {
        Package("1.0.0", "feed/Acme.Hello.1.0.0.nupkg");
        Install(source);
        Assert.That(Installed(), Is.EqualTo(new[] { "1.0.0" }));
    }

    [Test]
    public void Damaged_packages_in_a_feed_stop_no_good_one()
    {
        Package("1.0.0", "feed/Acme.Hello.1.0.0.nupkg");
        File.WriteAllText(Path.Combine(Feed, "Acme.Hello.1.1.0.nupkg"), "no package");
        File.WriteAllText(Path.Combine(Feed, "Other.9.nupkg"), "no package");
        File.WriteAllText(Path.Combine(Feed, "x.nupkg"), "");
        Install("Acme.Hello@1.0.0");
        Assert.That(Installed(), Is.EqualTo(new[] { "1.0.0" }));
        try
        {
            Install("Acme.Hello");
        }
        catch (CalicoException e)
        {
            Assert.That(e.Message, Does.Contain("Acme.Hello").And.Not.Contain(".staging"));
        }

        Assert.That(Directory.GetFileSystemEntries(Root), Is.EqualTo(new[] { Name }));
    }

    [Test]
    public void A_damaged_package_from_a_feed_is_named_as_the_feed_names_it()
    {
        Package("1.0.0", "feed/Acme.Hello.1.0.0.nupkg", "../evil");
        var message = AssertRefused("Acme.Hello");
        Assert.That(message, Does.Contain("Acme.Hello").And.Contain("1.0.0").And.Not.Contain(".staging"));
    }

    [Test]
    public void A_feed_that_hands_out_another_package_than_was_asked_for_is_refused()
    {
        using var feed = new HttpFeed(File.ReadAllBytes(Package("1.0.0", "evil.nupkg", id: "Evil.Hello")));
        var e = Assert.Throws<CalicoException>(() => From(feed.Index).InstallAsync("Acme.Hello@1.0.0", CancellationToken.None).GetAwaiter().GetResult())!;
        Assert.That(e.Message, Does.Contain("handed out Evil.Hello 1.0.0"));
        AssertNothingIsThere();
    }

    [Test]
    public void A_feed_that_breaks_off_in_the_middle_of_a_package_is_named()
    {
        using var feed = new HttpFeed(null);
        var e = Assert.Throws<CalicoException>(() => From(feed.Index).InstallAsync("Acme.Hello@1.0.0", CancellationToken.None).GetAwaiter().GetResult())!;
        Assert.That((e.Problem, e.Message.Contains("lists package Acme.Hello 1.0.0 and", StringComparison.Ordinal)), Is.EqualTo((Problem.Unavailable, true)), e.Message);
        Assert.That(e.Message, Does.Not.Contain("\n"));
        AssertNothingIsThere();
    }

    [TestCase("file")]
    [TestCase(":::")]
    [TestCase("ftp://127.0.0.1/feed")]
    [TestCase("file:///nowhere/at/all")]
    [TestCase("http://")]
    [TestCase("http://user:secret@127.0.0.1:9/v3/index.json?sig=secret")]
    [TestCase("")]
    public void A_source_that_is_no_feed_is_one_sentence_without_secrets(string source)
    {
        File.WriteAllText(Path.Combine(_work, "file"), "");
        var commands = From(source == "file" ? Path.Combine(_work, source) : source);
        var e = Assert.Throws<CalicoException>(() => commands.InstallAsync("Acme.Hello", CancellationToken.None).GetAwaiter().GetResult())!;
        Assert.That(e.Message, Does.Not.Contain("secret").And.Not.Contain("\n"));
        AssertNothingIsThere();
    }

    [Test]
    public void A_source_whose_address_has_a_secret_in_its_query_is_noted_without_it()
    {
        Package("1.0.0", "feed/Acme.Hello.1.0.0.nupkg");
        var commands = new PluginCommands(Root, new StringWriter(_output)) { Feeds = ["http://127.0.0.1:9/index.json?sig=secret", Feed], FeedPatience = TimeSpan.FromMilliseconds(500) };
        var e = Assert.Throws<CalicoException>(() => commands.InstallAsync("Acme.Other", CancellationToken.None).GetAwaiter().GetResult())!;
        Assert.That(e.Message, Does.Not.Contain("secret"));
    }

    [TestCase("{\"id\":\"Acme.Hello\",\"version\":\"newest\",\"source\":\"x\",\"sha512\":\"\"}")]
    [TestCase("{\"id\":\"Acme.Hello\"}")]
    [TestCase("{\"id\":\"../../etc\",\"version\":\"1.0.0\",\"source\":\"x\",\"sha512\":\"\"}")]
    [TestCase("null")]
    [TestCase("{")]
    [TestCase("")]
    public void An_upgrade_whose_note_is_damaged_says_so_and_the_others_are_upgraded(string note)
    {
        Install(Package("1.0.0", "1.nupkg"));
        File.WriteAllText(Path.Combine(Name, "1.0.0", PackageNote.FileName), note);
        Install(Package("1.0.0", "z.nupkg", id: "Acme.Zed", adapter: "zed"));
        Package("1.1.0", "feed/Acme.Hello.1.1.0.nupkg");
        Package("1.1.0", "feed/Acme.Zed.1.1.0.nupkg", id: "Acme.Zed", adapter: "zed");
        var e = Assert.Throws<CalicoException>(() => Commands.UpgradeAsync(null, CancellationToken.None).GetAwaiter().GetResult())!;
        Assert.That((e.Problem, e.Message), Is.EqualTo((Problem.Damaged, e.Message)));
        Assert.That(e.Message, Does.Contain("hello").And.Contain(PackageNote.FileName));
        Assert.That(Directory.Exists(Path.Combine(Root, "zed", "1.1.0")), Is.True);
    }

    [Test]
    public void An_upgrade_looks_where_the_package_came_from_and_nowhere_else()
    {
        Install(Package("1.0.0", "1.nupkg"));
        Package("1.0.0", "feed/Acme.Zed.1.0.0.nupkg", id: "Acme.Zed", adapter: "zed");
        Install("Acme.Zed");
        Package("1.1.0", "feed/Acme.Hello.1.1.0.nupkg");
        Package("1.1.0", "feed/Acme.Zed.1.1.0.nupkg", id: "Acme.Zed", adapter: "zed");
        // A NuGet.Config of the working folder's, or of the machine's, names other feeds; the id may be a stranger's there.
        var e = Assert.Throws<CalicoException>(() => From().UpgradeAsync(null, CancellationToken.None).GetAwaiter().GetResult())!;
        Assert.That((e.Problem, e.Message), Is.EqualTo((Problem.NotFound,
            $"adapter 'hello' 1.0.0: it came from {_work}/1.nupkg, which is no feed of NuGet.Config; say with --source where newer ones are")));
        Assert.That(Directory.GetDirectories(Root).SelectMany(Directory.GetDirectories).Select(d => Path.GetRelativePath(Root, d)), Is.EquivalentTo(new[] { "hello/1.0.0", "zed/1.0.0", "zed/1.1.0" }));
        Commands.UpgradeAsync("hello", CancellationToken.None).GetAwaiter().GetResult();
        Assert.That(Directory.Exists(Path.Combine(Name, "1.1.0")), Is.True);
    }

    [Test]
    public void An_upgrade_that_fails_for_one_goes_on_with_the_others()
    {
        Install(Package("1.0.0", "1.nupkg"));
        Install(Package("1.0.0", "z.nupkg", id: "Acme.Zed", adapter: "zed"));
        Package("1.1.0", "feed/Acme.Zed.1.1.0.nupkg", id: "Acme.Zed", adapter: "zed");
        var e = Assert.Throws<CalicoException>(() => Commands.UpgradeAsync(null, CancellationToken.None).GetAwaiter().GetResult())!;
        Assert.That(e.Message, Does.Contain("Acme.Hello"));
        Assert.That(Directory.Exists(Path.Combine(Root, "zed", "1.1.0")), Is.True);
    }

    [Test]
    public void An_installed_version_that_others_may_write_is_named_when_it_is_installed_again()
    {
        Install(Package("1.0.0", "1.nupkg"));
        File.SetUnixFileMode(Path.Combine(Name, "1.0.0", "Plugins.Hello.dll"), (UnixFileMode)0b110_110_110);
        Assert.That(Message(Path.Combine(_work, "1.nupkg")), Does.Contain("written by others"));
    }

    [Test]
    public void A_runtime_of_its_own_is_refused()
    {
        var source = Published("1.0.0");
        File.WriteAllText(Path.Combine(source, "System.Private.CoreLib.dll"), "");
        Assert.That(AssertRefused(source), Does.Contain("without --self-contained"));
    }

    [Test]
    public void A_folder_that_is_no_adapters_is_refused_before_it_is_copied()
    {
        // The folder that is installed to is in it: a copy of it would be in itself.
        Assert.That(Message(_work), Does.Contain("has not exactly one .deps.json"));
    }

    [Test]
    public void A_folder_with_far_more_than_an_adapter_has_is_refused_before_it_is_copied()
    {
        var source = Published("1.0.0");
        using (var large = File.OpenWrite(Path.Combine(source, "large")))
        {
            large.SetLength(600L << 20);
        }

        Assert.That(AssertRefused(source), Does.Contain("MiB"));
    }

    [Test]
    public void The_host_never_sees_an_adapter_without_a_version()
    {
        var seen = new List<string>();
        using var stop = new CancellationTokenSource();
        Directory.CreateDirectory(Root);
        var host = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                PluginFolder.Scan(Root, (_, _, problem) => seen.Add(problem));
            }
        });
        var package = Package("1.0.0", "1.nupkg");
        for (var i = 0; i < 60; i++)
        {
            Install(package);
            Commands.Remove("hello", i % 2 == 0 ? "1.0.0" : null);
        }

        stop.Cancel();
        host.GetAwaiter().GetResult();
        Assert.That(seen.Where(s => s.Contains("no version folder", StringComparison.Ordinal)), Is.Empty);
    }

    private PluginCommands From(params string[] feeds) => new(Root, new StringWriter(_output)) { Feeds = feeds, FeedPatience = TimeSpan.FromSeconds(2) };

    private string Published(string version, string adapter = "hello")
    {
        var source = PluginPackage.WriteFolder(Path.Combine(_work, "publish", adapter, version), "Plugins.Hello", (1, 0), adapter);
        PluginPackage.WriteManifest(source, adapter, version, "Plugins.Hello.dll");
        return source;
    }

    private string Package(string version, string file, string? entry = null, string id = "Acme.Hello", string adapter = "hello")
    {
        var path = Path.Combine(_work, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return PluginPackage.WritePackage(path, id, version, Published(version, adapter), entry is null ? [] : ["plugin/" + entry]);
    }

    private static void Change(string package, Action<ZipArchive> change)
    {
        using var archive = ZipFile.Open(package, ZipArchiveMode.Update);
        change(archive);
    }

    private static void Write(ZipArchive archive, string name, string text)
    {
        using var writer = new StreamWriter(archive.CreateEntry(name).Open());
        writer.Write(text);
    }

    /// <summary>A package with two entries of 2^63 - 1 bytes each, as its directory claims.</summary>
    private static byte[] Enormous()
    {
        using var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            Write(archive, "a.nuspec", "<package><metadata><id>a</id><version>1.0.0</version><authors>a</authors><description>d</description></metadata></package>");
        }

        var whole = stream.ToArray();
        var end = whole.Length - 22;
        var (count, length, start) = (BitConverter.ToUInt16(whole, end + 10), BitConverter.ToInt32(whole, end + 12), BitConverter.ToInt32(whole, end + 16));
        using var directory = new MemoryStream();
        using var writer = new BinaryWriter(directory);
        writer.Write(whole, start, length);
        foreach (var name in (string[])["plugin/a", "plugin/b"])
        {
            // APPNOTE 4.3.12, with the extra field 0x0001 of 4.5.3: the length, where 0xffffffff stands for it.
            writer.Write(0x02014b50);
            writer.Write([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            writer.Write(0);
            writer.Write(0);
            writer.Write(uint.MaxValue);
            writer.Write((short)name.Length);
            writer.Write((short)12);
            writer.Write(new byte[14]);
            writer.Write(Encoding.ASCII.GetBytes(name));
            writer.Write((short)1);
            writer.Write((short)8);
            writer.Write(long.MaxValue);
        }

        var entries = directory.ToArray();
        var tail = whole[end..];
        BitConverter.TryWriteBytes(tail.AsSpan(8), (ushort)(count + 2));
        BitConverter.TryWriteBytes(tail.AsSpan(10), (ushort)(count + 2));
        BitConverter.TryWriteBytes(tail.AsSpan(12), entries.Length);
        return [.. whole[..start], .. entries, .. tail];
    }

    private List<string> Installed() => [.. PluginFolder.Scan(Root, (name, _, problem) => Assert.Fail($"{name}: {problem}")).Select(p => p.Version)];

    private void AssertNothingIsThere() => Assert.That(Directory.Exists(Root) ? Directory.GetFileSystemEntries(Root) : [], Is.Empty);

    private string AssertRefused(string source)
    {
        var message = Message(source);
        AssertNothingIsThere();
        return message;
    }

    private string Message(string source)
    {
        var message = Assert.Throws<CalicoException>(() => Install(source))!.Message;
        Assert.That(message, Does.Not.Contain("\n"));
        return message;
    }

    private void Install(string source) => Commands.InstallAsync(source, CancellationToken.None).GetAwaiter().GetResult();
}
