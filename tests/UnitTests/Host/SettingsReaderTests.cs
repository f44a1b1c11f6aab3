using Calico.Datastore.Settings;
using Calico.Host.Settings;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>Settings: environment over file over default, and what is wrong by its name.</summary>
[TestFixture]
public sealed class SettingsReaderTests
{
    private static readonly SettingsFile NoFile = SettingsFile.None;

    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("calico-settings-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void C3_a_password_is_a_secret_from_the_setting_on()
    {
        var settings = Read(Reader(NoFile, ("ETCD_PASSWORD", "s3cr3tCanary"))).Datastore;

        Assert.That(settings.EtcdPassword!.Reveal(), Is.EqualTo("s3cr3tCanary"));
        foreach (var (property, _) in SettingsReader.Describe<DatastoreSettings>())
        {
            Assert.That($"{property.GetValue(settings)}", Does.Not.Contain("Canary"), property.Name);
        }
    }

    [Test]
    public void The_environment_is_before_the_file_and_the_file_before_the_default()
    {
        var file = File("""
            node:
              name: from-file
              ipv4: 192.0.2.1/24
            dataplane:
              mtu: 1400
            """);
        var settings = Read(Reader(file, ("NODENAME", "from-environment"), ("CALICO_LOG_LEVEL", "debug")));
        Assert.That((settings.NodeName, settings.Ipv4, settings.Mtu, settings.LogLevel, settings.Ipv6),
            Is.EqualTo(("from-environment", "192.0.2.1/24", 1400, "debug", "none")));
    }

    [Test]
    public void Upstreams_names_work_with_our_prefix_too_which_is_first_as_in_calicoctl()
    {
        Assert.That(Read(Reader(NoFile, ("CALICO_NODENAME", "b"))).NodeName, Is.EqualTo("b"));
        Assert.That(Read(Reader(NoFile, ("CALICO_NODENAME", "b"), ("NODENAME", "a"))).NodeName, Is.EqualTo("b"));
    }

    [Test]
    public void An_empty_variable_is_as_none() =>
        Assert.That(Read(Reader(File("node: {name: f}"), ("NODENAME", ""))).NodeName, Is.EqualTo("f"));

    [Test]
    public void A_list_in_the_file_is_a_comma_list() =>
        Assert.That(Read(Reader(File("datastore: {etcd: {endpoints: ['http://a:2379', 'http://b:2379']}}"))).Datastore.EtcdEndpoints,
            Is.EqualTo("http://a:2379,http://b:2379"));

    [TestCase("CALICO_MTU", "large", "CALICO_MTU (environment) is 'large'; it has to be a number")]
    [TestCase("NO_DEFAULT_POOLS", "perhaps", "NO_DEFAULT_POOLS (environment) is 'perhaps'; it has to be true or false")]
    [TestCase("CALICO_NO_DEFAULT_POOLS", "perhaps", "CALICO_NO_DEFAULT_POOLS (environment) is 'perhaps'; it has to be true or false")]
    [TestCase("DATASTORE_TYPE", "kubernetes", "DATASTORE_TYPE (environment) is 'kubernetes'; it can be embedded, etcdv3")]
    public void A_wrong_value_names_its_variable(string variable, string value, string message)
    {
        var error = Assert.Throws<CalicoException>(() => Read(Reader(NoFile, (variable, value))));
        Assert.That((error!.Problem, error.Path, error.Message), Is.EqualTo((Problem.Invalid, variable, message)));
    }

    [Test]
    public void A_wrong_value_of_the_file_names_its_path()
    {
        var error = Assert.Throws<CalicoException>(() => Read(Reader(File("dataplane: {mtu: large}"))));
        Assert.That((error!.Problem, error.Path), Is.EqualTo((Problem.Invalid, "dataplane.mtu")));
    }

    [Test]
    public void A_path_that_is_no_setting_is_refused_by_name()
    {
        var error = Assert.Throws<CalicoException>(() => Read(Reader(File("node: {nmae: x}"))));
        Assert.That((error!.Problem, error.Path), Is.EqualTo((Problem.Invalid, "node.nmae")));
    }

    [Test]
    public void An_adapters_settings_are_its_own_and_the_host_does_not_mind_them()
    {
        var reader = Reader(File("plugins: {hello: {greeting: hi, times: 3, pause: 00:00:02}}"), ("CALICO_HELLO_TIMES", "4"));
        Assert.That(Read(reader).Datastore.IsEmbedded, Is.True);
        var settings = reader.ReadPlugin<HelloSettings>("hello");
        Assert.That((settings.Greeting, settings.Times, settings.Pause, settings.Loud),
            Is.EqualTo(("hi", 4, TimeSpan.FromSeconds(2), false)));
        var error = Assert.Throws<CalicoException>(() => Reader(NoFile, ("CALICO_HELLO_LOUD", "very")).ReadPlugin<HelloSettings>("hello"));
        Assert.That(error!.Path, Is.EqualTo("CALICO_HELLO_LOUD"));
    }

    [Test]
    public void A_file_that_is_not_there_is_empty_unless_it_was_asked_for()
    {
        var path = Path.Combine(_folder, "none.cfg");
        Assert.That(SettingsFile.Read(path, mustExist: false), Is.SameAs(NoFile));
        Assert.That(Assert.Throws<CalicoException>(() => SettingsFile.Read(path, mustExist: true))!.Path, Is.EqualTo(path));
    }

    [Test]
    public void A_file_that_is_not_YAML_is_refused_with_its_line()
    {
        var error = Assert.Throws<CalicoException>(() => File("node:\n  name: [a\n"));
        Assert.That(error!.Problem, Is.EqualTo(Problem.Invalid));
        Assert.That(error.Message, Does.Contain("is not YAML: line"));
    }

    [Test]
    public void No_two_settings_share_a_name() => Assert.Multiple(() =>
    {
        Assert.That(HostSettings.Describe().Select(s => s.Setting.Environment), Is.Unique);
        Assert.That(HostSettings.Describe().Select(s => s.Setting.Path), Is.Unique);
        Assert.That(typeof(HostSettings).GetProperties().Select(p => p.Name)
            .Except([nameof(HostSettings.Datastore), nameof(HostSettings.Sockets), nameof(HostSettings.Adapters)]),
            Is.EqualTo(SettingsReader.Describe<HostSettings>().Select(s => s.Property.Name)));
    });

    [TestCase("", "", true)]
    [TestCase("", "http://a:2379", false)]
    [TestCase("etcdv3", "http://a:2379", false)]
    [TestCase("embedded", "http://a:2379", true)]
    public async Task B12_the_host_means_the_datastore_that_calicoctl_means(string type, string endpoints, bool embedded)
    {
        (string, string)[] variables = [("DATASTORE_TYPE", type), ("ETCD_ENDPOINTS", endpoints)];
        Assert.That(Read(Reader(NoFile, variables)).Datastore.IsEmbedded, Is.EqualTo(embedded));
        Assert.That((await CalicoctlAsync(variables)).Embedded, Is.EqualTo(embedded));
    }

    [TestCase(",")]
    [TestCase(" , ,")]
    public async Task S8_endpoints_that_name_none_are_no_endpoints_to_neither(string endpoints)
    {
        const string Wanted = "it has to be a comma list of etcd URLs, or not set";
        foreach (var type in (string[])["", "etcdv3", "embedded"])
        {
            (string, string)[] variables = [("DATASTORE_TYPE", type), ("ETCD_ENDPOINTS", endpoints)];
            Assert.That(Assert.Throws<CalicoException>(() => Read(Reader(NoFile, variables)))!.Message,
                Is.EqualTo($"ETCD_ENDPOINTS (environment) is '{endpoints}'; {Wanted}"));
            var run = new Cli.CliRun { Environment = { ["DATASTORE_TYPE"] = type, ["ETCD_ENDPOINTS"] = endpoints } };
            Assert.That(await run.RunAsync("", "get", "profiles"), Is.EqualTo(1));
            Assert.That(run.Error, Does.Contain($"ETCD_ENDPOINTS (environment) is '{endpoints}'; {Wanted}"));
            Assert.That(run.Settings, Is.Null);
        }
    }

    [Test]
    public async Task B12_where_both_names_are_set_the_host_and_calicoctl_take_the_same()
    {
        (string Name, string Value)[] variables = [("ETCD_ENDPOINTS", "http://a:2379"), ("CALICO_ETCD_ENDPOINTS", "http://b:2379")];
        Assert.That(Read(Reader(NoFile, variables)).Datastore.EtcdEndpoints, Is.EqualTo("http://b:2379"));
        Assert.That((await CalicoctlAsync(variables)).Etcd.Endpoints, Is.EqualTo(new[] { "http://b:2379" }));
    }

    [TestCase("FELIX_PROMETHEUSMETRICSPORT", "0", "1 to 65535")]
    [TestCase("FELIX_PROMETHEUSMETRICSPORT", "65536", "1 to 65535")]
    [TestCase("FELIX_PROMETHEUSMETRICSHOST", "localhost", "an IP address")]
    [TestCase("FELIX_DEVICEROUTEPROTOCOL", "2", "5 to 255")]
    [TestCase("FELIX_DEVICEROUTEPROTOCOL", "0", "5 to 255")]
    [TestCase("FELIX_DEVICEROUTEPROTOCOL", "336", "5 to 255")]
    [TestCase("FELIX_DEVICEROUTEPROTOCOL", "1", "5 to 255")]
    [TestCase("FELIX_DEVICEROUTEPROTOCOL", "3", "5 to 255")]
    [TestCase("FELIX_DEVICEROUTEPROTOCOL", "4", "5 to 255")]
    [TestCase("FELIX_DEVICEROUTEPROTOCOL", "256", "5 to 255")]
    [TestCase("FELIX_DEVICEROUTEPROTOCOL", "-1", "5 to 255")]
    [TestCase("CALICO_MTU", "67", "68 to 65535")]
    [TestCase("CALICO_MTU", "65536", "68 to 65535")]
    [TestCase("CALICO_MTU", "-1", "68 to 65535")]
    [TestCase("CALICO_IPV4POOL_BLOCK_SIZE", "13", "20 to 32")]
    [TestCase("CALICO_IPV4POOL_BLOCK_SIZE", "33", "20 to 32")]
    [TestCase("CALICO_IPV4POOL_CIDR", "10.65.0.1/16", "IPv4 CIDR")]
    [TestCase("CALICO_IPV4POOL_CIDR", "fd00::/64", "IPv4 CIDR")]
    [TestCase("CALICO_IPV4POOL_CIDR", "10.65.0.0/28", "holds a block")]
    [TestCase("CALICO_IPV6POOL_CIDR", "10.65.0.0/16", "IPv6 CIDR")]
    [TestCase("FELIX_INTERFACEPREFIX", "calico", "1 to 4")]
    [TestCase("FELIX_INTERFACEPREFIX", "c/", "1 to 4")]
    [TestCase("FELIX_NFTABLESMARKMASK", "0x1", "at least two bits")]
    [TestCase("FELIX_NFTABLESMARKMASK", " 0xff", "at least two bits")]
    [TestCase("CALICO_STORE_LISTEN", "0.0.0.0:2379", "loopback")]
    [TestCase("IP", "fd00::1", "IPv4 address")]
    [TestCase("IP", "192.0.2.1/33", "IPv4 address")]
    [TestCase("IP6", "192.0.2.1", "IPv6 address")]
    [TestCase("NODENAME", "Not_Valid", "a-z")]
    [TestCase("CALICO_DATA_DIR", "var/lib", "absolute path")]
    [TestCase("DATASTORE_TYPE", "etcdv3", "ETCD_ENDPOINTS is not set")]
    [TestCase("ETCD_CERT_FILE", "/cert", "ETCD_KEY_FILE is not set")]
    public void B12_a_setting_out_of_range_is_refused_with_the_range(string variable, string value, string says)
    {
        var error = Assert.Throws<CalicoException>(() => Read(Reader(NoFile, (variable, value))));
        Assert.That(error!.Message,
            Does.Contain(says).And.Contain(variable.Replace("DATASTORE_TYPE", "ETCD_ENDPOINTS", StringComparison.Ordinal)
            .Replace("ETCD_CERT", "ETCD_KEY", StringComparison.Ordinal)));
    }

    [Test]
    public void B12_all_that_is_wrong_is_said_at_once()
    {
        var error = Assert.Throws<CalicoException>(() =>
            Read(Reader(File("dataplane: {mtu: 1, routeProtocol: 300}\nnope: 1"), ("NODENAME", "A"), ("NO_DEFAULT_POOLS", "x"))));
        Assert.That(error!.Message.Split('\n')[1..].Select(l => l.Trim().Split(' ')[0]),
            Is.EquivalentTo(new[] { "dataplane.mtu", "dataplane.routeProtocol", "NODENAME", "NO_DEFAULT_POOLS", "nope" }));
        Assert.That(error.Message, Does.StartWith("5 settings cannot be used:").And.Contain("nope"));
    }

    [Test]
    public void C1_any_text_of_a_settings_file_is_read_or_refused()
    {
        const string Whole = "datastore: {type: embedded, etcd: {endpoints: ['http://a:2379']}}\nnode:\n  name: a\n  ipv4: &x "
            + "autodetect\nlog: {level: *x}\n";
        var seed = Environment.TickCount;
        TestContext.Out.WriteLine($"seed {seed}");
        var random = new Random(seed);
        const string Bits = "&*!|>%@`{}[],:-?#'\"\\\t\n \0\u00ff\ufeff<<0.e9~";
        for (var round = 0; round < 3000; round++)
        {
            var text = new System.Text.StringBuilder(Whole);
            for (var i = random.Next(1, 12); i > 0; i--)
            {
                text.Insert(random.Next(text.Length), Bits[random.Next(Bits.Length)]);
            }

            try
            {
                Read(Reader(File(text.ToString())));
            }
            catch (CalicoException)
            {
                // Said; anything else ends the program with a stack trace.
            }
        }

        Assert.Throws<CalicoException>(() => File("a: &a {b: *a}"));
    }

    /// <summary>What calicoctl makes of the same environment.</summary>
    private static async Task<Calico.Cli.Connection.StoreSettings> CalicoctlAsync((string Name, string Value)[] variables)
    {
        var run = new Cli.CliRun();
        foreach (var (name, value) in variables)
        {
            run.Environment[name] = value;
        }

        await run.RunAsync("", "get", "profiles");
        return run.Settings!;
    }

    private static HostSettings Read(SettingsReader reader) => HostSettings.Read(reader);

    private static SettingsReader Reader(SettingsFile file, params (string Name, string Value)[] environment) =>
        new(name => environment.FirstOrDefault(e => e.Name == name).Value, file);

    private SettingsFile File(string yaml)
    {
        var path = Path.Combine(_folder, "calico.cfg");
        System.IO.File.WriteAllText(path, yaml);
        return SettingsFile.Read(path, mustExist: true);
    }

    private sealed class HelloSettings
    {
        public string Greeting { get; set; } = "";

        public int Times { get; set; }

        public TimeSpan Pause { get; set; }

        public bool Loud { get; set; }
    }
}
