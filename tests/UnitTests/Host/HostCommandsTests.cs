using System.CommandLine;
using Calico.Host.Commands;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

[TestFixture]
public sealed class HostCommandsTests
{
    private static IEnumerable<string> Paths() => Walk(HostCommands.Create(), "").Where(path => path.Length > 0);

    [TestCaseSource(nameof(Paths))]
    public async Task A15_no_command_takes_an_option_that_it_does_not_have(string path)
    {
        var work = path switch { "plugin install" => "/nonexistent", "plugin remove" => "cni", _ => "" };
        foreach (var bad in (string[])["--bogus", "-y", "--bogus=1", "--"])
        {
            foreach (var line in (string[])[$"{path} {bad} {work}", $"{path} {work} {bad}"])
            {
                var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                var refused = await RefusedAsync(words);
                Assert.That(refused.Problem, Is.EqualTo(Problem.Invalid));
                Assert.That(refused.Message, Does.StartWith($"unknown option '{bad.Split('=')[0]}'").And.Contain("--help"), line);
            }
        }
    }

    [TestCase("--config", "/nonexistent", "--bogus")]
    [TestCase("--bogus")]
    public async Task A15_the_host_does_not_start_on_an_option_that_it_does_not_know(params string[] words) =>
        Assert.That((await RefusedAsync(words)).Message, Does.StartWith("unknown option '--bogus'"));

    [TestCase("plugin remove cni 1.0 more", "'more' is one word too many")]
    [TestCase("plugin remove", "NAME is missing")]
    [TestCase("cni install --network --pool x", "--network needs a value")]
    [TestCase("cni install --no-portmap=false", "--no-portmap takes no value")]
    [TestCase("cni instal", "there is no command 'cni instal' (did you mean install?)")]
    [TestCase("cni install --mtu 67", "--mtu is a number from 68 to 65535")]
    [TestCase("cni install --network a --network b", "--network is given more than once")]
    [TestCase("cni install --network -x", "unknown option '-x'")]
    [TestCase("frobnicate", "there is no command 'frobnicate'")]
    [TestCase("--config /nonexistent install", "'install' is one word too many")]
    [TestCase("install --dry-run=false", "--dry-run takes no value")]
    [TestCase("uninstall --purg", "unknown option '--purg' (did you mean --purge?)")]
    public async Task A15_words_that_do_not_fit_are_refused(string line, string said) =>
        Assert.That((await RefusedAsync(line.Split(' '))).Message, Does.StartWith(said));

    [TestCase("plugin install --help")]
    [TestCase("cni install --help")]
    [TestCase("cni")]
    [TestCase("plugin")]
    [TestCase("cni --help")]
    [TestCase("--help")]
    [TestCase("-h")]
    [TestCase("help")]
    [TestCase("run --help")]
    [TestCase("uninstall --purge --help")]
    [TestCase("version")]
    [TestCase("--version")]
    public async Task C5_help_is_shown_where_it_is_asked_for(string line) =>
        Assert.That(await HostCommands.RunAsync(line.Split(' ')), Is.Zero);

    [Test]
    public void A15_a_dry_run_of_cni_install_writes_nothing()
    {
        var folder = Directory.CreateTempSubdirectory("cni-dry").FullName;
        var shim = Path.Combine(folder, "shim");
        File.WriteAllText(shim, "x");
        var install = new CniInstall { Shim = shim, BinDirectory = $"{folder}/bin", ConfDirectory = $"{folder}/conf", DryRun = true,
            Ledger = InstallLedger.Open($"{folder}/installed.json") };

        Assert.That(install.Run(), Is.EqualTo(new[]
        {
            $"would install {folder}/bin/calico", $"would install {folder}/bin/calico-ipam",
                $"would install {folder}/conf/10-calico.conflist",
            $"would be network 'calico' in {folder}/conf/10-calico.conflist",
        }));
        Assert.That(Directory.EnumerateFileSystemEntries(folder), Is.EqualTo(new[] { shim }));
        Directory.Delete(folder, recursive: true);
    }

    private static IEnumerable<string> Walk(Command command, string path) =>
        command.Subcommands.SelectMany(sub => Walk(sub, $"{path} {sub.Name}".TrimStart())).Prepend(path);

    private static async Task<CalicoException> RefusedAsync(string[] words)
    {
        try
        {
            await HostCommands.RunAsync(words);
        }
        catch (CalicoException e)
        {
            return e;
        }

        throw new AssertionException($"taken: {string.Join(' ', words)}");
    }
}
