using System.Diagnostics;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Strangers;

/// <summary>The two variants of iptables, as programs.</summary>
/// <remarks>
/// What iptables wrote only iptables may change: raw expressions in its chains break <c>iptables -L</c>, and the legacy variant's tables
/// are none of nftables. So they are run, but only where something has to be changed, and (legacy) where its tables are loaded at all.
/// </remarks>
internal sealed class Iptables(HostNetwork network, string interfacePrefix)
{
    /// <summary>How the rules are recognised by a process that did not write them.</summary>
    public const string Mark = "cali:forward";

    private const string ProgramFolders = "/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Both directions: what workloads send, and what they are sent.</summary>
    private string[][] Rules =>
    [
        ["-i", interfacePrefix + "+", "-m", "comment", "--comment", Mark, "-j", "ACCEPT"],
        ["-o", interfacePrefix + "+", "-m", "comment", "--comment", Mark, "-j", "ACCEPT"],
    ];

    /// <summary>Whether packets meet any filter of the legacy variant.</summary>
    public bool IsLegacyLoaded =>
        network.Run(() => ReadTables("ip_tables_names").Concat(ReadTables("ip6_tables_names")).Any(t => t != "nat"));

    /// <summary>The FORWARD chain of the legacy variant; null: its table is not loaded, so no packet meets it.</summary>
    public IptablesChain? ReadLegacy(NftFamily family)
    {
        var loaded = network.Run(() => ReadTables(family == NftFamily.IPv6 ? "ip6_tables_names" : "ip_tables_names"));
        if (!loaded.Contains("filter"))
        {
            return null;
        }

        var shown = new IptablesChain(family, IsLegacy: true, false, false, [], []);
        var lines = Run(shown, "-S").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var names = new[] { IptablesChain.Forward, IptablesChain.DockerUser };
        List<string> Of(string chain) =>
            [.. lines.Where(l => l.StartsWith($"-A {chain} ", StringComparison.Ordinal)).Select(l => l[$"-A {chain} ".Length..])];
        bool IsOurs(string rule) => rule.Contains(Mark, StringComparison.Ordinal);
        return shown with
        {
            Drops = lines.Contains($"-P {IptablesChain.Forward} DROP")
                || (Of(IptablesChain.Forward) is [.., var last]
                    && (last == "-j DROP" || last.StartsWith("-j REJECT", StringComparison.Ordinal))),
            HasDockerUser = Of(IptablesChain.Forward).Any(r => r.Contains($"-j {IptablesChain.DockerUser}", StringComparison.Ordinal)),
            Ours = [.. names.Where(n => Of(n).TakeWhile(r => r != "-j RETURN").Count(IsOurs) == Rules.Length)],
            Leavings = [.. names.Where(n => Of(n).Any(IsOurs))],
        };
    }

    /// <summary>All tables of the legacy variant that are loaded, nat apart, in which nothing can be dropped.</summary>
    /// <exception cref="IOException">No program of that variant, or it refused.</exception>
    public IEnumerable<IReadOnlyList<ForeignChain>> ReadLegacyTables()
    {
        foreach (var family in (NftFamily[])[NftFamily.IPv4, NftFamily.IPv6])
        {
            var shown = new IptablesChain(family, IsLegacy: true, false, false, [], []);
            foreach (var table in network.Run(() => ReadTables(family == NftFamily.IPv6 ? "ip6_tables_names" : "ip_tables_names"))
                .Where(t => t != "nat"))
            {
                yield return IptablesListing.Read(shown.Program, table, Run(shown, "-t", table, "-S"));
            }
        }
    }

    /// <summary>Puts our rules first in the chain that they belong in.</summary>
    /// <exception cref="IOException">No program of that variant, or it refused.</exception>
    public void Add(IptablesChain chain)
    {
        foreach (var rule in Rules)
        {
            Run(chain, ["-I", chain.Target, .. rule]);
        }
    }

    /// <summary>Takes our rules out of a chain, however often they are there.</summary>
    public void Remove(IptablesChain chain, string from)
    {
        foreach (var rule in Rules)
        {
            while (TryRun(chain, ["-C", from, .. rule], out _))
            {
                Run(chain, ["-D", from, .. rule]);
            }
        }
    }

    private static string[] ReadTables(string file)
    {
        try
        {
            return File.ReadAllLines("/proc/thread-self/net/" + file);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return [];
        }
    }

    private string Run(IptablesChain chain, params string[] arguments) => TryRun(chain, arguments, out var said) ? said
        : throw new IOException($"{chain.Program} {string.Join(' ', arguments)}: {said.Trim()}");

    private bool TryRun(IptablesChain chain, string[] arguments, out string said)
    {
        var (program, text) = (Find(chain) ?? throw new IOException($"{chain.Program} is not installed in {ProgramFolders}"), "");
        // The child is in the network namespace of the thread that starts it.
        var isDone = network.Run(() =>
        {
            using var process = Process.Start(new ProcessStartInfo(program, ["-w", "5", .. arguments]) { RedirectStandardOutput = true,
                RedirectStandardError = true })
                ?? throw new IOException($"{program} did not start");
            var errors = process.StandardError.ReadToEndAsync();
            text = process.StandardOutput.ReadToEnd();
            if (!process.WaitForExit(Patience))
            {
                process.Kill();
                throw new IOException($"{program} did not end within {Patience.TotalSeconds} s");
            }

            text = process.ExitCode == 0 ? text : errors.GetAwaiter().GetResult();
            return process.ExitCode == 0;
        });
        said = text;
        return isDone;
    }

    /// <summary>By the variant's own name, or under the plain one where that is the same variant (older distributions).</summary>
    private static string? Find(IptablesChain chain)
    {
        string? In(string name) => ProgramFolders.Split(':').Select(f => Path.Combine(f, name)).FirstOrDefault(File.Exists);
        if (In(chain.Program) is { } exact)
        {
            return exact;
        }

        var plain = In(chain.Family == NftFamily.IPv6 ? "ip6tables" : "iptables");
        if (plain is null)
        {
            return null;
        }

        using var process = Process.Start(new ProcessStartInfo(plain, ["-V"]) { RedirectStandardOutput = true })!;
        var version = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return version.Contains("nf_tables", StringComparison.Ordinal) == chain.IsLegacy ? null : plain;
    }
}
