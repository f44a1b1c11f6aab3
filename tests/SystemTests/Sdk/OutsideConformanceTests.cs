using Calico.SystemTests.Sdk.Bridge;
using Calico.TestKit.Hosts;
using Calico.TestKit.Workloads;

namespace Calico.SystemTests.Sdk;

/// <summary>The conformance suite asked of a real host, with etcd, by an adapter that was made outside of this repository: packed against
/// the package of the contracts, installed with <c>plugin install</c>. It crashes by SIGKILL, and its store dies on the wire.</summary>
[TestFixture, Parallelizable]
public sealed class OutsideConformanceTests : AdapterConformance, IAsyncDisposable
{
    private TestHost? _host;
    private FabricEtcd? _etcd;

    [OneTimeSetUp]
    public async Task InstallAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        var packages = Repository.Packages ?? throw new InvalidOperationException("the packages are not packed: ./build.sh pack");
        using var folder = new StrangersFolder(packages);
        foreach (var file in new[] { "BridgeAdapter.cs", "ContractJson.cs" })
        {
            File.Copy(Path.Combine(Repository.Root, "tests", "SystemTests", "Sdk", "Bridge", file), Path.Combine(folder.Path, file));
        }

        await folder.DotnetAsync("", "new", "install", Directory.GetFiles(packages, "Calico.Templates.*.nupkg").Single());
        await folder.DotnetAsync("", "new", "calico-adapter", "-n", "Bridge", "-o", "template");
        var project = await File.ReadAllTextAsync(Path.Combine(folder.Path, "template", "Bridge", "Bridge.csproj"));
        const string Readme = "<PackageReadmeFile>README.md</PackageReadmeFile>";
        const string ReadmeFile = "<None Include=\"../README.md\" Pack=\"true\" PackagePath=\"/\" />";
        await File.WriteAllTextAsync(Path.Combine(folder.Path, "Bridge.csproj"), project
            .Replace(Readme, "<EnableDefaultCompileItems>false</EnableDefaultCompileItems>", StringComparison.Ordinal)
            .Replace(ReadmeFile, "<Compile Include=\"*.cs\" />", StringComparison.Ordinal));
        await folder.DotnetAsync("", "pack", "Bridge.csproj", "-o", "packed", "-v", "quiet");

        _host = await TestHost.StartAsync(48);
        _etcd = await FabricEtcd.StartAsync(_host);
        foreach (var (name, value) in new[]
        {
            ("CALICO_PLUGIN_DIR", "/usr/lib/calico/plugins"), ("DATASTORE_TYPE", "etcdv3"), ("ETCD_ENDPOINTS", FabricEtcd.Endpoint),
            ("FELIX_PROMETHEUSMETRICSENABLED", "true"),
        })
        {
            _host.Settings[name] = value;
        }

        await _host.ShellAsync("CALICO_PLUGIN_DIR=/usr/lib/calico/plugins "
            + $"{_host.Programs}/host/calico-host plugin install {folder.Path}/packed/Bridge.1.0.0.nupkg");
        await _host.StartCalicoAsync(waitReady: false);
    }

    [OneTimeTearDown]
    public async Task RemoveAsync() => await DisposeAsync();

    public async ValueTask DisposeAsync()
    {
        if (_etcd is not null)
        {
            await _etcd.DisposeAsync();
            _etcd = null;
        }

        if (_host is not null)
        {
            await _host.DisposeAsync();
            _host = null;
        }
    }

    protected override async Task<ConformanceNode> StartNodeAsync()
    {
        var node = new BridgedNode(_host!, _etcd!);
        await node.ServedAsync();
        return node;
    }
}
