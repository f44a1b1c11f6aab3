using System.Diagnostics;
using System.Globalization;
using System.Text;
using Calico.Datastore.Store;
using Calico.EmbeddedStore;
using Calico.TestKit.Hosts;
using Microsoft.Extensions.Logging.Abstractions;

namespace Calico.Benchmarks.Scenarios;

/// <summary>What an ADD cannot do without, each by the least that does it: the shim through the host and back, one durable transaction of
/// the size that an ADD writes, and the wiring's messages from a C program.</summary>
/// <remarks>The store is on the disk that the host's is on. Milliseconds; the parts are of the same rounds as the ADDs beside them.
/// </remarks>
internal sealed class AddFloor : IAsyncDisposable
{
    private const int Runs = 100;

    /// <summary>Block, endpoint, handle and the node log's record of an ADD.</summary>
    private static readonly ReadOnlyMemory<byte>[] Values =
        [.. ((int[])[1500, 1200, 60, 900]).Select(length => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(new string('v', length)))];

    private readonly NativeTools _tools;
    private readonly TestHost _host;
    private readonly EmbeddedEngine _engine;
    private readonly string _folder;

    private AddFloor(NativeTools tools, TestHost host, EmbeddedEngine engine, string folder) =>
        (_tools, _host, _engine, _folder) = (tools, host, engine, folder);

    public static async Task<AddFloor> MakeAsync(NativeTools tools, TestHost host)
    {
        var folder = Directory.CreateDirectory(Path.Combine(host.Folder, "floor")).FullName;
        await host.ShellAsync("cat > /run/status.json",
            """{"cniVersion":"1.1.0","name":"bench","type":"calico","ipam":{"type":"calico-ipam"}}""");
        await host.ShellAsync($"for i in $(seq {Runs}); do ip netns add w$i; done");
        var engine = await EmbeddedEngine.OpenAsync(
            new() { Path = Path.Combine(folder, "store.db"), MachineId = "bench", NodeName = "bench" },
            TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        return new(tools, host, engine, folder);
    }

    /// <summary>Medians of a hundred of each.</summary>
    public async Task<(double Echo, double Transaction, double Wiring)> MeasureAsync()
    {
        var echo = await _tools.SpawnAsync(_host, Runs, 1, 0, "/run/status.json", "/opt/cni/bin/calico", "CNI_COMMAND=STATUS",
            "CNI_PATH=/opt/cni/bin");
        var transactions = new List<double>();
        for (var i = 0; i < Runs; i++)
        {
            var begun = Stopwatch.GetTimestamp();
            await _engine.Store.CommitAsync(new(
                [new StoreOperation.Put("/floor/block", Values[0]), new StoreOperation.Put($"/floor/endpoint/{i}", Values[1]),
                    new StoreOperation.Put($"/floor/handle/{i}", Values[2]), new StoreOperation.Put($"/floor/record/{i}", Values[3])]),
                        CancellationToken.None);
            transactions.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        }

        var output = await _host.ShellAsync(
            $"{_tools.Wire} same $(for i in $(seq {Runs}); do echo /run/netns/w$i; done); for i in $(seq {Runs}); do ip netns del w$i; ip "
                + "netns add w$i; done");
        var wiring = output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => double.Parse(l, CultureInfo.InvariantCulture) / 1000);
        return (echo.Runs.P50, new Series(transactions).P50, new Series(wiring).P50);
    }

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
