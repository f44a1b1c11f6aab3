using Calico.Datastore.Resources;
using NUnit.Framework;

namespace Calico.UnitTests.Cli;

[TestFixture]
public sealed class ValidateCommandTests
{
    private const string Many = """
        apiVersion: projectcalico.org/v3
        kind: GlobalNetworkPolicy
        metadata:
          name: Bad_Name
        spec:
          egres:
          - action: Allow
          selector: "a =="
          ingress:
          - action: Explode
            protocl: TCP
        ---
        apiVersion: projectcalico.org/v3
        kind: IPPool
        metadata:
          name: p
        spec:
          cidr: banana
          natOutgoing: maybe
        ---
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: k}

        """;

    [Test]
    public async Task C6_every_fault_is_said_with_its_file_line_and_field()
    {
        var folder = Directory.CreateTempSubdirectory("validate").FullName;
        await File.WriteAllTextAsync($"{folder}/a.yaml", Many);
        await File.WriteAllTextAsync($"{folder}/b.yaml", "kind: [unclosed\n");
        var cli = new CliRun();

        Assert.That(await cli.RunAsync("", "validate", "-f", folder), Is.EqualTo(1));
        var places = cli.Error.Split('\n').Where(line => line.StartsWith(folder, StringComparison.Ordinal))
            .Select(line => line[(folder.Length + 1)..].Split(": ")[0]).ToArray();
        Assert.That(places, Is.SupersetOf(new[]
        {
            "a.yaml:4 metadata.name", "a.yaml:6 spec.egres", "a.yaml:8 spec.selector", "a.yaml:10 spec.ingress[0].action",
                "a.yaml:11 spec.ingress[0].protocl",
            "a.yaml:18 spec.cidr", "a.yaml:19 spec.natOutgoing", "a.yaml:21 apiVersion",
        }), cli.Error);
        Assert.That(places.Where(place => place.StartsWith("b.yaml:", StringComparison.Ordinal)), Has.Exactly(1).Items,
            "what is no YAML does not hide the others");
        Assert.That(cli.Error, Does.Contain("Did you mean 'egress'?").And.Contain("Calico's NetworkPolicy is of projectcalico.org/v3"));
        Assert.That(cli.Output, Is.Empty);

        Assert.That(await cli.RunAsync("", "validate", "-f", folder, "-o", "json"), Is.EqualTo(1));
        Assert.That(cli.Output,
            Does.Contain("\"apiVersion\": \"net.calico/v1\"").And.Contain("\"line\": 19").And.Contain("\"field\": \"spec.natOutgoing\""));
        Directory.Delete(folder, recursive: true);
    }

    [Test]
    public async Task C6_a_fault_in_a_list_has_its_line()
    {
        var cli = new CliRun();

        Assert.That(await cli.RunAsync(
            "kind: List\napiVersion: v1\nitems:\n- kind: IPPool\n  apiVersion: projectcalico.org/v3\n  metadata: {name: p}\n  spec:\n    "
                + "cidr: 10.0.0.0/24\n    natoutgoing: true\n",
            "apply", "-f", "-"), Is.EqualTo(1));
        Assert.That(cli.Error, Does.StartWith("stdin:9 spec.natoutgoing: "));
    }

    [TestCase("yes", "true")]
    [TestCase("On", "true")]
    [TestCase("no", "false")]
    [TestCase("OFF", "false")]
    public async Task C6_words_of_yaml_1_1_are_true_and_false_where_no_text_can_be(string word, string stored)
    {
        var cli = new CliRun();

        Assert.That(await cli.RunAsync(
            $"\uFEFFapiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {{name: p, labels: {{a: {word}}}}}\nspec: {{cidr: 10.0.0.0/24, natOutgoing: {word}}}\n",
            "apply", "-f", "-"), Is.Zero, cli.Error);
        var text = System.Text.Encoding.UTF8.GetString(cli.Store.Snapshot(ResourceKind.Root + "ippools/").Single().Value.Span);
        Assert.That(text, Does.Contain($"\"natOutgoing\":{stored}").And.Contain($"\"a\":\"{word}\""), "a label is a text");

        Assert.That(await cli.RunAsync("", "patch", "ippool", "p", "-p", $"spec: {{disabled: {word}}}"), Is.Zero, cli.Error);
        Assert.That(await cli.RunAsync("", "patch", "ippool", "p", "-p", "spec: {natOutgoing: \"yes\"}"), Is.EqualTo(1));
        Assert.That(cli.Error, Is.EqualTo("hit error: error with field spec.natOutgoing = 'yes' (must be true or false)\n"));
    }

    [TestCase("1e400")]
    [TestCase("-1e999")]
    [TestCase("\"\\ud800\"")]
    public async Task C1_a_number_or_text_that_nothing_can_hold_is_refused_and_aborts_nothing(string order)
    {
        var cli = new CliRun();

        foreach (var verb in (string[])["validate", "apply"])
        {
            Assert.That(await cli.RunAsync(
                $"apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: p}}\nspec:\n  order: {order}\n", verb,
                    "-f", "-"), Is.EqualTo(1));
            Assert.That(cli.Error, order[0] == '"' ? Does.StartWith("stdin:5: error converting YAML to JSON")
                : verb == "validate" ? Does.StartWith("stdin:5 spec.order: ") : Does.Contain("spec.order"), verb);
        }
    }

    /// <summary>What is read can be written back, whatever the kind.</summary>
    [Test]
    public async Task C6_what_get_prints_of_any_kind_can_be_applied_again(
        [Values("profiles", "clusterinfo", "tiers", "nodes", "felixconfig")] string kinds)
    {
        var cli = new CliRun();
        await cli.RunAsync("apiVersion: projectcalico.org/v3\nkind: Profile\nmetadata: {name: mine}\n---\napiVersion: "
            + "projectcalico.org/v3\nkind: Node\nmetadata: {name: n}\n"
            + "---\napiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata: {name: default}\nspec: {}\n", "apply", "-f", "-");
        Assert.That(await cli.RunAsync("", "get", kinds, "-o", "yaml"), Is.Zero, cli.Error);

        Assert.That(await cli.RunAsync(cli.Output, "apply", "-f", "-"), Is.Zero, cli.Error);
    }

    [Test]
    public async Task C6_what_is_read_only_and_changed_is_still_refused()
    {
        var cli = new CliRun();
        await cli.RunAsync("", "get", "profile", "projectcalico-default-allow", "-o", "yaml");

        Assert.That(await cli.RunAsync(cli.Output.Replace("Allow", "Deny", StringComparison.Ordinal), "apply", "-f", "-"), Is.EqualTo(1));
        Assert.That(cli.Error, Does.Contain("resource is read-only"));
    }
}
