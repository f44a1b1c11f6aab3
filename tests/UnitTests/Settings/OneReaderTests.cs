using System.Text.Json;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Shapes;
using Calico.Datastore.Settings;
using Calico.Host.Settings;
using Calico.UnitTests.Cli;
using NUnit.Framework;

namespace Calico.UnitTests.Settings;

/// <summary>Issue 14 §8: the same environment and files mean the same to every program, and what is wrong is said with its place.</summary>
[TestFixture]
public sealed class OneReaderTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("calico-reader-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task S8_with_etcds_endpoints_alone_both_programs_use_etcd()
    {
        const string Endpoints = "http://a:1, http://b:2";
        var host = Host(SettingsFile.None, ("ETCD_ENDPOINTS", Endpoints)).Datastore;
        var cli = new CliRun { Environment = { ["ETCD_ENDPOINTS"] = Endpoints } };
        await cli.RunAsync("", "get", "nodes");

        Assert.That((host.IsEmbedded, cli.Settings!.Embedded), Is.EqualTo((false, false)));
        Assert.That(host.ToEtcd().Endpoints, Is.EqualTo(new[] { "http://a:1", "http://b:2" }).And.EqualTo(cli.Settings.Etcd.Endpoints));
    }

    [Test]
    public async Task S8_the_hosts_file_says_to_calicoctl_what_it_says_to_the_host()
    {
        var file = Write("calico.cfg", "datastore: {etcd: {endpoints: ['http://a:1'], username: u, password: 0123}}\nnode: {name: n}\n");
        var host = Host(SettingsFile.Read(file, mustExist: true)).Datastore.ToEtcd();
        var cli = await CalicoctlAsync(hosts: file);

        Assert.That((cli.Endpoints[0], cli.Username, cli.Password!.Reveal()),
            Is.EqualTo((host.Endpoints[0], host.Username, host.Password!.Reveal())));
        Assert.That(cli.Password.Reveal(), Is.EqualTo("0123"), "a text is what is written, not a number");
    }

    [Test]
    public async Task S8_the_environment_is_before_each_file_and_upstreams_file_before_the_hosts()
    {
        var hosts = Write("calico.cfg", "datastore: {etcd: {endpoints: 'http://host:1'}}\n");
        var clients = Write("calicoctl.cfg", "kind: CalicoAPIConfig\nspec: {etcdEndpoints: 'http://client:1'}\n");
        Assert.That((await CalicoctlAsync(hosts, clients)).Endpoints, Is.EqualTo(new[] { "http://client:1" }));
        Assert.That((await CalicoctlAsync(hosts, clients, "http://env:1")).Endpoints, Is.EqualTo(new[] { "http://env:1" }));
        Assert.That(Host(SettingsFile.Read(hosts, mustExist: true), ("ETCD_ENDPOINTS", "http://env:1")).Datastore.ToEtcd().Endpoints,
            Is.EqualTo(new[] { "http://env:1" }));
    }

    [Test]
    public async Task S8_a_file_that_the_command_line_names_is_all_that_counts()
    {
        // Else `calicoctl -c staging.cfg delete …` reached whatever the shell exports.
        var named = Write("staging.cfg", "kind: CalicoAPIConfig\nspec: {etcdEndpoints: 'http://staging:1'}\n");
        var cli = new CliRun { Environment = { ["ETCD_ENDPOINTS"] = "http://production:1", ["ETCD_PASSWORD"] = "s3cret" } };
        await cli.RunAsync("", "get", "nodes", "-c", named);

        Assert.That(cli.Settings!.Etcd.Endpoints, Is.EqualTo(new[] { "http://staging:1" }));
        Assert.That(cli.Settings.Etcd.Password, Is.Null, "a password goes to nobody that it is not meant for");
    }

    [TestCase("CALICO_RUN_DIR", "/run/other", "")]
    [TestCase("", "", "paths: {run: /run/other}\n")]
    public async Task S8_calicoctl_looks_for_the_sockets_where_the_host_binds_them(string variable, string value, string file)
    {
        var hosts = Write("calico.cfg", file);
        var host = Host(SettingsFile.Read(hosts, mustExist: true), (variable, value)).Sockets;
        var cli = new CliRun { Environment = { [variable] = value }, HostsFile = hosts, HostSocket = null };
        await cli.RunAsync("", "get", "nodes");

        Assert.That(cli.Settings!.Etcd.Endpoints,
            Is.EqualTo(new[] { "unix:///run/other/store.sock" }).And.EqualTo(new[] { $"unix://{host.Store}" }));
        Assert.That(await cli.RunAsync("", "status"), Is.Not.Zero);
        Assert.That(cli.Output + cli.Error, Does.Contain("/run/other/host.sock"));
    }

    [TestCase("kind: CalicoAPIConfig\nspec: {datastoreTyp: etcdv3, k8sAPIEndpoint: x}\n", "line 2) is no setting", "datastoreType?")]
    [TestCase("kind: CalicoAPIConfig\nspec:\n  etcdEndpoint: http://a:1\n", "line 3) is no setting", "etcdEndpoints?")]
    [TestCase("kind: Other\n", "expected kind 'CalicoAPIConfig', got 'Other'", "")]
    public async Task S8_a_misspelt_name_in_upstreams_file_is_refused_instead_of_meaning_another_store(string text, string says,
        string meant)
    {
        var cli = new CliRun { ClientsFile = Write("calicoctl.cfg", text) };
        Assert.That(await cli.RunAsync("", "get", "nodes"), Is.EqualTo(1));
        Assert.That(cli.Error, Does.Contain(says).And.Contain(meant));
        Assert.That(cli.Settings, Is.Null);
    }

    [Test]
    public void S8_a_fault_says_name_place_value_and_what_is_taken_and_all_at_once()
    {
        var file = Write("calico.cfg", "dataplane:\n  mtu: 12\n  routeProtcol: 80\ndatastore:\n  etcd:\n    endpoints: 'ftp://a'\n");
        var error = Assert.Throws<CalicoException>(() =>
            Host(SettingsFile.Read(file, mustExist: true), ("FELIX_PROMETHEUSMETRICSPORT", "0"), ("IP", "x")));

        Assert.That(error!.Message.Split('\n'), Is.EqualTo(new[]
        {
            "5 settings cannot be used:",
            $"  datastore.etcd.endpoints ({file}, line 6) is 'ftp://a'; it has to be a comma list of http://host:port, "
                + "https://host:port or unix:///path",
            $"  dataplane.mtu ({file}, line 2) is '12'; it has to be 0 (that of the node's interface) or a number from 68 to 65535",
            "  IP (environment) is 'x'; it has to be an IPv4 address with or without /length, autodetect, or none",
            "  FELIX_PROMETHEUSMETRICSPORT (environment) is '0'; it must be from 1 to 65535",
            $"  dataplane.routeProtcol ({file}, line 3) is no setting; did you mean dataplane.routeProtocol?; --help lists them",
        }));
    }

    [TestCase("ETCD_DISCOVERY_SRV", "example.org", "list the endpoints in ETCD_ENDPOINTS")]
    [TestCase("ETCD_KEY", "s3cretCanary", "ETCD_KEY_FILE")]
    [TestCase("CALICO_ETCD_CA_CERT", "s3cretCanary", "ETCD_CA_CERT_FILE")]
    [TestCase("DATASTORE_TYPE", "kubernetes", "embedded, etcdv3")]
    [TestCase("ETCD_CERT_FILE", "/c", "ETCD_KEY_FILE is not set")]
    [TestCase("ETCD_ENDPOINTS", "https://root:s3cretCanary@a:1", "ETCD_PASSWORD")]
    public async Task S8_what_upstream_takes_and_nobody_here_can_serve_is_refused_by_both_in_the_same_words(string variable, string value,
        string says)
    {
        var host = Assert.Throws<CalicoException>(() => Host(SettingsFile.None, (variable, value)))!.Message;
        var cli = new CliRun { Environment = { [variable] = value } };

        Assert.That(await cli.RunAsync("", "get", "nodes"), Is.EqualTo(1));
        Assert.That(cli.Error, Is.EqualTo(host + "\n").And.Contain(says).And.Not.Contain("Canary"));
    }

    [TestCase("FELIX_DEVICEROUTEPROTOCOL", "deviceRouteProtocol", "0 2 4 5 80 254 255 256 -1")]
    [TestCase("FELIX_PROMETHEUSMETRICSPORT", "prometheusMetricsPort", "-1 0 1 9091 65535 65536")]
    [TestCase("FELIX_NFTABLESMARKMASK", "nftablesMarkMask", "0 1 3 65536 4294901760 4294967295 4294967296")]
    [TestCase("FELIX_INTERFACEPREFIX", "interfacePrefix", "cali c a/b *")]
    public void S8_a_parameter_is_taken_from_the_environment_exactly_where_FelixConfiguration_takes_it(string variable, string parameter,
        string values)
    {
        foreach (var value in values.Split(' '))
        {
            var json = long.TryParse(value, out var number) ? $"{number}" : JsonSerializer.Serialize(value);
            using var document = JsonDocument.Parse(
                $$$"""{"kind":"FelixConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"{{{parameter}}}":{{{json}}}}}""");
            var isValid = Kinds.FelixConfiguration.Check(document.RootElement, new ShapeReport()).Errors.IsEmpty;
            var isTaken = Try(() => Host(SettingsFile.None, (variable, value)));
            Assert.That(isTaken, Is.EqualTo(isValid), $"{variable}={value}");
        }
    }

    [Test]
    public void S8_a_variable_that_is_no_setting_is_named_with_the_nearest()
    {
        var reader = Reader(SettingsFile.None);
        HostSettings.Read(reader);
        reader.ReadPlugin<Own>("hello");
        string[] variables = ["PATH", "ETCD_ENDPOINT", "CALICO_MUT", "CALICO_ETCD_ENDPOINT", "FELIX_DEVICEROUTEPROTOKOL",
            "FELIX_HEALTHPORT", "CALICO_HELLO_TIMES", "CALICO_HELLO_TIME",
            "CALICO_FELIX_INTERFACEPREFIX", "CALICO_MTU", "NODENAME", "CALICO_SOMETHING_ELSE"];

        Assert.That(reader.DescribeUnknown(variables), Is.EqualTo(new[]
        {
            "CALICO_ETCD_ENDPOINT has no effect: there is no such setting; did you mean CALICO_ETCD_ENDPOINTS?",
            "CALICO_HELLO_TIME has no effect: there is no such setting; did you mean CALICO_HELLO_TIMES?",
            "CALICO_MUT has no effect: there is no such setting; did you mean CALICO_MTU?",
            "CALICO_SOMETHING_ELSE has no effect: there is no such setting",
            "FELIX_DEVICEROUTEPROTOKOL has no effect: there is no such setting; did you mean FELIX_DEVICEROUTEPROTOCOL?",
            "FELIX_HEALTHPORT has no effect: of upstream's parameters only those that calico-host --help lists are read here; "
                + "FelixConfiguration has the others",
        }));
    }

    [Test]
    public async Task S8_calicoctl_names_a_misspelt_endpoint_and_leaves_other_programs_variables_alone()
    {
        var cli = new CliRun { Environment = { ["ETCD_ENDPOINT"] = "http://a:1", ["ETCDCTL_ENDPOINTS"] = "x", ["CALICO_MTU"] = "1400",
            ["ETCD_NAME"] = "n" } };
        Assert.That(await cli.RunAsync("", "get", "nodes"), Is.Zero);
        Assert.That(cli.Error,
            Is.EqualTo("Warning: ETCD_ENDPOINT has no effect: there is no such setting; did you mean ETCD_ENDPOINTS?\n"));
    }

    [Test]
    public void S8_a_name_of_an_adapter_that_it_does_not_have_is_refused_with_the_nearest()
    {
        var reader = Reader(SettingsFile.Read(Write("calico.cfg", "plugins:\n  hello:\n    timse: 3\n    pause: soon\n"), mustExist: true));
        HostSettings.Read(reader);
        var error = Assert.Throws<CalicoException>(() => reader.ReadPlugin<Own>("hello"));

        Assert.That(error!.Message,
            Does.StartWith("2 settings cannot be used:").And.Contain("line 3) is no setting; did you mean plugins.hello.Times?")
            .And.Contain("line 4) is 'soon'; it has to be a time"));
    }

    [TestCase("node: {name: a}\nNode: {name: b}\n", "twice, line 2 is the second")]
    [TestCase("node: {name: a}\n---\nnode: {name: b}\n", "twice, line 3 is the second")]
    [TestCase("node: {name: {deeper: a}}\n", "is no setting")]
    [TestCase("just a text\n", "is no setting")]
    public void S8_what_a_file_says_twice_or_nowhere_is_refused(string text, string says) =>
        Assert.That(Assert.Throws<CalicoException>(() => Host(SettingsFile.Read(Write("calico.cfg", text), mustExist: true)))!.Message,
            Does.Contain(says));

    private static bool Try(Action read)
    {
        try
        {
            read();
            return true;
        }
        catch (CalicoException)
        {
            return false;
        }
    }

    private async Task<Calico.Datastore.Etcd.EtcdOptions> CalicoctlAsync(string hosts, string clients = "/nonexistent",
        string endpoints = "")
    {
        var cli = new CliRun { Environment = { ["ETCD_ENDPOINTS"] = endpoints }, HostsFile = hosts, ClientsFile = clients };
        await cli.RunAsync("", "get", "nodes");
        Assert.That(cli.Error, Is.Empty);
        return cli.Settings!.Etcd;
    }

    private static HostSettings Host(SettingsFile file, params (string Name, string Value)[] environment) =>
        HostSettings.Read(Reader(file, environment));

    private static SettingsReader Reader(SettingsFile file, params (string Name, string Value)[] environment) =>
        new(name => environment.FirstOrDefault(e => e.Name == name).Value, file);

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    private sealed class Own
    {
        public int Times { get; set; }

        public TimeSpan Pause { get; set; }
    }
}
