using Calico.Datastore.Resources;
using NUnit.Framework;

namespace Calico.UnitTests.Cli;

/// <summary>Values that nobody can read are mended with calicoctl, not with the store's own tools.</summary>
[TestFixture]
public sealed class DamagedResourceTests
{
    private const string Key = ResourceKind.Root + "profiles/blue";
    private const string Profile =
        """{"apiVersion":"projectcalico.org/v3","kind":"Profile","metadata":{"name":"blue"},"spec":{"ingress":[{"action":"Allow"}]}}""";

    [TestCase("replace")]
    [TestCase("apply")]
    public async Task A2_an_unreadable_value_is_written_over(string verb)
    {
        var cli = new CliRun();
        cli.Store.Set(Key, "no JSON");
        Assert.That(await cli.RunAsync(Profile, verb, "-f", "-"), Is.Zero, cli.Error);
        Assert.That(await cli.RunAsync("", "get", "profile", "blue", "-o", "json"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Does.Contain("\"action\": \"Allow\"").And.Contain("\"uid\""));
    }

    [Test]
    public async Task A2_an_unreadable_value_is_deleted_only_by_force()
    {
        var cli = new CliRun();
        cli.Store.Set(Key, "no JSON");
        Assert.That(await cli.RunAsync("", "delete", "profile", "blue"), Is.Not.Zero);
        Assert.That(cli.Error, Does.Contain("cannot read").And.Contain("--force"));
        Assert.That(cli.Store.Snapshot(Key), Has.Length.EqualTo(1));
        Assert.That(await cli.RunAsync("", "delete", "profile", "blue", "--force"), Is.Zero, cli.Error);
        Assert.That(cli.Store.Snapshot(Key), Is.Empty);
    }
}
