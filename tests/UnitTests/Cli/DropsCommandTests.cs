using Calico.Cli;
using NUnit.Framework;

namespace Calico.UnitTests.Cli;

/// <summary><c>calicoctl drops</c>: the latest ones.</summary>
[TestFixture, Parallelizable]
public sealed class DropsCommandTests
{
    [Test]
    public async Task Recent_drops_are_a_line_each_with_whose_they_were_and_by_which_rule()
    {
        await using var host = new FakeHost().With("/drops/recent?after=0", """
            [{"number":7,"time":"2026-11-26T20:14:03.5Z","packets":3,"endpoint":"shop","interface":"cali1","direction":"ingress",
              "peer":"10.0.0.1","peerName":"web","protocol":"tcp","port":80,"reason":"policy",
              "policy":"default/GlobalNetworkPolicy(shut)","rule":1},
             {"number":8,"time":"2026-11-26T20:14:04Z","packets":1,"endpoint":"host","interface":"eth0","direction":"egress",
              "peer":"192.0.2.9","protocol":"icmp","port":8,"reason":"tier-default","policy":"end of tier default","rule":-1},
             {"number":9,"time":"2026-11-26T20:14:04Z","packets":1,"endpoint":"","direction":"egress",
              "peer":"192.0.2.9","protocol":"47","reason":"anti-spoof"}]
            """).Start();
        var cli = new CliRun { HostSocket = host.Socket };
        Assert.That(await cli.RunAsync("", "drops", "--recent"), Is.Zero, cli.Error);
        Assert.That(cli.Output.TrimEnd().Split('\n'), Is.EqualTo(new[]
        {
            "20:14:03Z  shop ingress from web 10.0.0.1  tcp 80  policy: default/GlobalNetworkPolicy(shut) rule 1  x3",
            "20:14:04Z  host eth0 egress to 192.0.2.9  icmp 8  tier-default: end of tier default",
            "20:14:04Z  an endpoint that is gone egress to 192.0.2.9  47  anti-spoof",
        }));
        Assert.That(await cli.RunAsync("", "drops", "--recent", "-o", "json"), Is.Zero, cli.Error);
        Assert.That(cli.Output.TrimEnd().Split('\n'), Has.Length.EqualTo(3).And.All.StartsWith("{\"number\":"));
    }

    [Test]
    public async Task C11_drops_are_shown_most_first()
    {
        await using var host = new FakeHost().With("/drops", """{"anti-spoof":0,"policy":3,"profile-none":12}""").Start();
        var cli = new CliRun { HostSocket = host.Socket };

        Assert.That(await cli.RunAsync("", "drops"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Is.EqualTo(
            "PACKETS   REASON         \n12        profile-none   \n3         policy         \n0 for 1 other reasons (--all)\n"));
        await cli.RunAsync("", "drops", "--all");
        Assert.That(cli.Output, Does.Contain("0         anti-spoof").And.Not.Contain("--all"));
    }

    [Test]
    public async Task Rules_are_a_table_of_what_they_counted()
    {
        await using var host = new FakeHost().With("/rules", """
            [{"policy":"GlobalNetworkPolicy(shut)","tier":"default","direction":"ingress","rule":1,"packets":12,"bytes":720},
             {"policy":"StagedNetworkPolicy(ns/next)","tier":"default","direction":"egress","rule":-1,"packets":3}]
            """).Start();
        var cli = new CliRun { HostSocket = host.Socket };
        Assert.That(await cli.RunAsync("", "status", "-o", "rules"), Is.Zero, cli.Error);
        Assert.That(cli.Output.Split('\n').Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries))),
            Is.EqualTo(new[]
        {
            "PACKETS POLICY TIER DIRECTION RULE", "12 GlobalNetworkPolicy(shut) default ingress 1",
            "3 StagedNetworkPolicy(ns/next) default egress no rule", "",
        }));
    }

    [Test]
    public async Task Watching_asks_for_what_came_after_the_last_one_until_it_is_ended()
    {
        const string First = """[{"number":7,"time":"2026-11-26T20:14:03Z","packets":1,"endpoint":"shop","direction":"ingress"}]""";
        using var end = new CancellationTokenSource();
        var asked = 0;
        await using var host = new FakeHost().With("/drops/recent?after=0", First);
        host.Answers["/drops/recent?after=7"] = () =>
        {
            if (++asked == 2)
            {
                end.Cancel();
            }

            return (200, "[]");
        };
        host.Start();
        var cli = new CliRun { HostSocket = host.Socket };
        using var output = new StringWriter { NewLine = "\n" };
        await CliApplication.RunAsync(["drops", "-w"], cli.EnvironmentOf(output, TextWriter.Null, TextReader.Null), end.Token);
        Assert.That(output.ToString().TrimEnd().Split('\n'), Has.Length.EqualTo(1).And.All.StartsWith("20:14:03Z  shop ingress from"));
        Assert.That(asked, Is.EqualTo(2));
    }
}
