using Calico.SystemTests.Cni;
using Calico.TestKit.Hosts;
using Microsoft.Data.Sqlite;

namespace Calico.SystemTests.Host;

/// <summary>What can be wrong when the host starts: it says what, and what to do, and changes nothing.</summary>
[TestFixture, Parallelizable]
public sealed class StartTests
{
    private TestHost _host = null!;

    [SetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        _host = await TestHost.StartAsync(41);
    }

    [TearDown]
    public async Task EndAsync()
    {
        if (_host is not null)
        {
            await _host.DisposeAsync();
        }
    }

    [Test]
    public async Task A_corrupt_store_file_is_refused_and_kept()
    {
        await _host.ShellAsync(
            "mkdir -p /var/lib/calico; head -c 65536 /dev/urandom > /var/lib/calico/calico.db; sha256sum "
                + "/var/lib/calico/calico.db > /run/before");
        var said = await RefusedAsync();
        Assert.That(said, Does.Contain("/var/lib/calico/calico.db"));
        await _host.ShellAsync("sha256sum -c /run/before");
    }

    [Test]
    public async Task A_log_of_another_node_is_refused()
    {
        await _host.StartCalicoAsync();
        await _host.StopCalicoAsync();
        _host.Settings["NODENAME"] = "another";
        Assert.That(await RefusedAsync(), Does.Contain("node1").And.Contain("another"));
        _host.Settings["NODENAME"] = "node1";
        await _host.StartCalicoAsync();
    }

    [Test]
    public async Task A_store_of_a_newer_version_is_refused_and_kept()
    {
        await _host.StartCalicoAsync();
        // Killed, so that its last commits are in the write-ahead log: they are kept too.
        await _host.KillCalicoAsync();
        var folder = Path.Combine(_host.Folder, "root", "var", "lib", "calico");
        await SqlAsync(folder, "UPDATE meta SET value='3' WHERE name='format'");
        await _host.ShellAsync("cd /var/lib/calico; ls calico.db-wal; sha256sum calico.db calico.db-wal > /run/before; ls -A > /run/names");
        var said = await RefusedAsync();
        Assert.That(said, Does.Contain("/var/lib/calico/calico.db").And.Contain("newer Calico").And.Contain("format 3").And
            .Contain("up to 1")
            .And.Contain("Install that version again"));
        await _host.ShellAsync("cd /var/lib/calico; sha256sum -c /run/before; ls -A | diff /run/names -");
        await SqlAsync(folder, "UPDATE meta SET value='1' WHERE name='format'");
        await _host.StartCalicoAsync();
    }

    [TestCase("calico.db", TestName = "A_store_file_that_is_damaged_in_its_middle_is_refused_and_kept")]
    [TestCase("calico.db-wal", TestName = "A_write_ahead_log_that_is_damaged_in_its_middle_is_refused_and_kept")]
    public async Task Damaged(string name)
    {
        await _host.StartCalicoAsync();
        for (var i = 0; i < 3; i++)
        {
            (await _host.CalicoctlAsync("apply -f -", string.Join("---\n", Enumerable.Range(0, 20).Select(n =>
                $"apiVersion: projectcalico.org/v3\nkind: IPReservation\nmetadata: {{name: r{i}-{n}}}\nspec: {{reservedCIDRs: [10.65.{i}.{n}/32]}}\n")))).OrThrow();
        }

        await (name == "calico.db" ? _host.StopCalicoAsync() : _host.KillCalicoAsync());
        // A whole page of the database, a single bit of the log.
        await _host.ShellAsync(name == "calico.db"
            ? "head -c 4096 /dev/urandom | dd of=/var/lib/calico/calico.db bs=4096 seek=3 conv=notrunc 2>/dev/null"
            : "printf '\\xff\\xfe' | dd of=/var/lib/calico/calico.db-wal bs=1 seek=2500 conv=notrunc 2>/dev/null");
        await _host.ShellAsync($"cd /var/lib/calico; sha256sum {name} > /run/before");
        var said = await RefusedAsync();
        Assert.That(said, Does.Contain($"/var/lib/calico/{name}").And.Contain("left as it is").And.Contain("restore a backup"));
        await _host.ShellAsync("cd /var/lib/calico; sha256sum -c /run/before");
    }

    [Test]
    public async Task A_record_that_cannot_be_read_is_named_closed_and_nobody_elses_trouble()
    {
        await using var cni = await CniHost.StartAsync(number: 43);
        foreach (var name in (string[])["well", "other", "hurt"])
        {
            await cni.AddNamespaceAsync(name);
        }

        var well = await cni.AddAsync("well", "well");
        await cni.AddAsync("other", "other");
        var hurt = await cni.AddAsync("hurt", "hurt");
        await cni.Host.StopCalicoAsync();
        await SqlAsync(Path.Combine(cni.Host.Folder, "root", "var", "lib", "calico"),
            "UPDATE log SET value = CAST('<' || substr(CAST(value AS TEXT), 2) AS BLOB) WHERE CAST(key AS TEXT) LIKE 'endpoint%' AND "
                + "CAST(value AS TEXT) LIKE '%\"hurt\"%'");
        await cni.Host.StartCalicoAsync();
        Assert.That((await cni.Host.CalicoctlAsync("status")).Output, Does.Contain("node log").And.Contain("hurt"));
        Assert.That(await cni.PingAsync("other", well), Is.True, "the others go on");
        Assert.That(await cni.PingAsync("other", hurt), Is.False, "what is not known is closed");

        // The runtime's DEL, and another life of the same container, make it whole again.
        await cni.DeleteAsync("hurt", "hurt");
        var again = await cni.AddAsync("hurt", "hurt");
        Assert.That(again, Is.Not.EqualTo(well));
        Assert.That(await cni.PingAsync("other", again), Is.True);
        foreach (var name in (string[])["well", "other", "hurt"])
        {
            await cni.DeleteAsync(name, name);
        }

        await cni.AssertCleanAsync();
    }

    [Test]
    public async Task A_duplicate_node_name_is_refused_by_name()
    {
        await _host.StartCalicoAsync();
        await _host.ShellAsync("""
            calicoctl get node node1 -o yaml | sed 's/net.calico\/machine-id: .*/net.calico\/machine-id: "0123456789abcdef"/' > /run/node.yaml
            calicoctl replace -f /run/node.yaml
            """);
        await _host.StopCalicoAsync();
        Assert.That(await RefusedAsync(), Does.Contain("node1").And.Contain("another machine").And.Contain("NODENAME"));
    }

    [Test]
    public async Task A_socket_that_another_process_serves_is_left_alone_and_the_adapter_named()
    {
        await _host.ShellAsync(
            "mkdir -p /run/calico; setsid /bin/busybox nc -lk local:/run/calico/cni.sock </dev/null >/dev/null 2>&1 & sleep 0.3; true");
        if ((await _host.ShellAsync("[ -S /run/calico/cni.sock ] && echo yes || echo no")).Trim() == "no")
        {
            await _host.ShellAsync(
                "cat > /run/serve.pl <<'P'\nuse IO::Socket::UNIX; my $s=IO::Socket::UNIX->new(Local=>'/run/calico/cni.sock',Listen=>5) or "
                    + "die; while(my $c=$s->accept){close $c}\nP\nsetsid perl /run/serve.pl </dev/null >/dev/null 2>&1 & for i in $(seq "
                    + "50); do [ -S /run/calico/cni.sock ] && exit 0; sleep 0.05; done; exit 1");
        }

        await _host.StartCalicoAsync();
        var status = await _host.CalicoctlAsync("status");
        Assert.That(status.Output + status.Error, Does.Contain("/run/calico/cni.sock"));
    }

    [Test]
    public async Task An_adapter_built_against_a_newer_contract_or_that_throws_is_named_and_the_rest_works()
    {
        // Not in the host's folder under /var/tmp: there others may make entries.
        const string plugins = "/usr/lib/calico/plugins";
        var built = Path.Combine(Repository.Root, "artifacts", "bin");
        await _host.ShellAsync(
            $"mkdir -p {plugins}/throws/1.0.0 {plugins}/newer/1.0.0; cp -r {_host.Programs}/plugins/cni {plugins}/; "
                + $"cp {Newest(built, "ThrowingPlugin")}/* {plugins}/throws/1.0.0/; "
                + $"cp {Newest(built, "NewerPlugin")}/* {plugins}/newer/1.0.0/; mkdir {plugins}/cni/99.0.0 {plugins}/cni/98.0.0; "
                + $"cp {plugins}/throws/1.0.0/* {plugins}/cni/99.0.0/; ln -s /nowhere {plugins}/cni/98.0.0/x.deps.json; ln -s "
                + $"/nowhere {plugins}/dangling; chmod -R go-w {plugins}");
        _host.Settings["CALICO_PLUGIN_DIR"] = plugins;
        await _host.StartCalicoAsync();
        var status = (await _host.CalicoctlAsync("status")).OrThrow().Output;
        Assert.That(status, Does.Contain("contract 1.99").And.Contain("Configure threw"));
        // C1 and A9: neither a version that throws nor one that cannot be read keeps an older one from being used, nor a bad folder the
        // others.
        Assert.That(status, Does.Contain("version 99.0.0").And.Contain("version 98.0.0").And.Contain("dangling"));
        Assert.That(await _host.ShellAsync("[ -S /run/calico/cni.sock ] && echo served"), Does.Contain("served"));
    }

    [Test]
    public async Task B13_a_fresh_machine_without_adapters_starts_and_says_how_to_get_one()
    {
        _host.Settings["CALICO_PLUGIN_DIR"] = "/usr/lib/calico/none";
        await _host.StartCalicoAsync();
        var status = (await _host.CalicoctlAsync("status")).OrThrow().Output;
        Assert.That(status, Does.Contain("no adapter is installed in /usr/lib/calico/none").And.Contain("calico-host plugin install"));
        await _host.ShellAsync("calicoctl get ippools | grep default-ipv4-ippool");
    }

    [TestCase("IP", "not-an-address", "IP")]
    [TestCase("CALICO_IPV4POOL_BLOCK_SIZE", "13", "CALICO_IPV4POOL")]
    [TestCase("CALICO_IPV4POOL_CIDR", "10.65.0.1/16", "CALICO_IPV4POOL")]
    [TestCase("DATASTORE_TYPE", "zookeeper", "DATASTORE_TYPE")]
    [TestCase("FELIX_NFTABLESMARKMASK", "0x1", "FELIX_NFTABLESMARKMASK")]
    [TestCase("NODENAME", "Not_Valid", "NODENAME")]
    public async Task A_wrong_setting_is_named(string setting, string value, string says)
    {
        _host.Settings[setting] = value;
        Assert.That(await RefusedAsync(), Does.Contain(says));
    }

    [Test]
    public async Task A_full_disk_refuses_the_ADD_and_recovers()
    {
        await using var cni = await CniHost.StartAsync(h =>
            Task.Run(() => h.ShellAsync("mount -t tmpfs -o size=24m,mode=0755 tmpfs /var/lib/calico")).Wait(), number: 42);
        await cni.AddNamespaceAsync("full");
        await cni.Host.ShellAsync("dd if=/dev/zero of=/var/lib/calico/filler bs=4k 2>/dev/null || true");
        var first = await cni.CallAsync("ADD", "full1", "/run/netns/full");
        for (var i = 2; first.ExitCode == 0 && i < 400; i++)
        {
            // Space that the log's file still had. Either of the two may be what finds no more of it.
            first = await cni.CallAsync("DEL", $"full{i - 1}", "/run/netns/full");
            if (first.ExitCode == 0)
            {
                first = await cni.CallAsync("ADD", $"full{i}", "/run/netns/full");
            }
        }

        Assert.That(CniHost.ErrorOf(first).Message, Does.StartWith("write /var/lib/calico/calico.db: no space left"));
        Assert.That(await cni.Host.ShellAsync("ip -n full -br link | grep -c eth0 || true"), Is.EqualTo("0\n"));
        await cni.Host.ShellAsync("rm /var/lib/calico/filler");
        await cni.AddAsync("after", "full");
        await cni.DeleteAsync("after", "full");
    }

    private static string Newest(string built, string name) =>
        Directory.GetDirectories(Path.Combine(built, name)).OrderByDescending(Directory.GetLastWriteTimeUtc).First();

    /// <summary>Changes a store file as another program would, without copying its write-ahead log back.</summary>
    private static async Task SqlAsync(string folder, string sql)
    {
        await using var connection = new SqliteConnection($"Data Source={folder}/calico.db;Pooling=False");
        await connection.OpenAsync();
        SQLitePCL.raw.sqlite3_db_config(connection.Handle, SQLitePCL.raw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, out _);
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        Assert.That(await command.ExecuteNonQueryAsync(), Is.EqualTo(1), sql);
    }

    private async Task<string> RefusedAsync()
    {
        var settings = _host.Settings.Select(s => $"{s.Key}={s.Value}");
        var result = await _host.RunAsync(["env", .. settings, $"{_host.Programs}/host/calico-host"], limit: TimeSpan.FromSeconds(20));
        Assert.That(result.ExitCode, Is.EqualTo(1), result.Error + result.Output);
        Assert.That(result.Error, Does.Not.Contain("Unhandled exception"));
        return result.Error;
    }
}
