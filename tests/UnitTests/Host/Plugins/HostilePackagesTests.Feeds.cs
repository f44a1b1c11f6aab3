using System.IO.Compression;
using System.Text;
using Calico.Host.Commands;
using Calico.Host.Plugins;
using Calico.Host.Plugins.Packages;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Plugins;

/// <content>Feeds, upgrades and folders.</content>
public sealed partial class HostilePackagesTests
{
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
        var e = Assert.Throws<CalicoException>(() => From(feed.Index).InstallAsync("Acme.Hello@1.0.0", CancellationToken.None).GetAwaiter()
            .GetResult())!;
        Assert.That(e.Message, Does.Contain("handed out Evil.Hello 1.0.0"));
        AssertNothingIsThere();
    }

    [Test]
    public void A_feed_that_breaks_off_in_the_middle_of_a_package_is_named()
    {
        using var feed = new HttpFeed(null);
        var e = Assert.Throws<CalicoException>(() => From(feed.Index).InstallAsync("Acme.Hello@1.0.0", CancellationToken.None).GetAwaiter()
            .GetResult())!;
        Assert.That((e.Problem, e.Message.Contains("lists package Acme.Hello 1.0.0 and", StringComparison.Ordinal)),
            Is.EqualTo((Problem.Unavailable, true)), e.Message);
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
        var commands = new PluginCommands(Root, new StringWriter(_output)) { Feeds = ["http://127.0.0.1:9/index.json?sig=secret", Feed],
            FeedPatience = TimeSpan.FromMilliseconds(500) };
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
            $"adapter 'hello' 1.0.0: it came from {_work}/1.nupkg, which is no feed of NuGet.Config; say "
                + "with --source where newer ones are")));
        Assert.That(Directory.GetDirectories(Root).SelectMany(Directory.GetDirectories).Select(d => Path.GetRelativePath(Root, d)),
            Is.EquivalentTo(new[] { "hello/1.0.0", "zed/1.0.0", "zed/1.1.0" }));
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
}
