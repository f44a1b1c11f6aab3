using System.IO.Compression;
using System.Text.RegularExpressions;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Sdk;

/// <summary>Each package by itself, as somebody has it who wants only that: restored from a feed into an empty cache, compiled against and
/// run.</summary>
[TestFixture, Parallelizable]
public sealed partial class PackageTests
{
    // A program for each: what it needs at run time has to come along too.
    private static readonly Dictionary<string, string> Programs = new()
    {
        ["Calico.Abstractions"] = """
            var claim = new Calico.AddressClaim { Handle = "h", Purpose = Calico.LeasePurpose.Endpoint, Ipv4 = 1 };
            Console.WriteLine(claim.Handle == "h" ? "works" : "");
            """,
        ["Calico.Linux"] = """
            using var routes = Calico.Linux.Route.RouteSocket.Open();
            using var change = new Calico.Linux.Nftables.NftBatch();
            change.AddTable(new(Calico.Linux.Nftables.NftFamily.Inet, "mine"));
            Console.WriteLine(routes.FindLink("lo") is { Index: > 0 } ? "works" : "");
            """,
        ["Calico.Datastore"] = """
            using Calico.Datastore.Resources;
            Console.WriteLine(Kinds.IpPool.Name == "IPPool" ? "works" : Kinds.IpPool.Name);
            """,
        ["Calico.EmbeddedStore"] = """
            using Calico.Datastore.Store;
            using Calico.EmbeddedStore;
            using Microsoft.Extensions.Logging.Abstractions;
            var options = new EmbeddedStoreOptions { Path = Path.GetFullPath("store.db"), MachineId = "m", NodeName = "n" };
            await using var engine = await EmbeddedEngine.OpenAsync(options, TimeProvider.System, NullLogger.Instance, default);
            await engine.Store.CommitAsync(new(new StoreOperation.Put("/a", "1"u8.ToArray())), CancellationToken.None);
            var read = await engine.Store.GetAsync("/a", 0, CancellationToken.None);
            Console.WriteLine(read is { } value && value.Value.Span.SequenceEqual("1"u8) ? "works" : "");
            """,
        ["Calico.TestKit"] = """
            using Calico;
            using Calico.TestKit.Workloads;
            var node = new FakeNode("mine");
            using var space = node.Namespaces.Open("/run/netns/w");
            var spec = new EndpointSpec
            {
                Id = new("mine", "w", "eth0"), Instance = "w", Network = "net", Profiles = ["net"],
                Claim = new() { Handle = "w", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
            };
            var attachment = await node.Network.ConnectAsync(spec, Placement.In(space, "eth0"), CancellationToken.None);
            Console.WriteLine(attachment.Addresses.Length == 1 ? "works" : "");
            """,
    };

    [Test]
    public async Task Each_library_is_restored_alone_into_an_empty_cache_compiled_against_and_run()
    {
        using var folder = new StrangersFolder(Packages);
        var libraries = Directory.GetFiles(Packages, "*.nupkg").Where(HasLibrary)
            .Select(file => Name().Match(Path.GetFileName(file))).ToArray();
        Assert.That(libraries.Select(name => name.Groups[1].Value), Is.EquivalentTo(Programs.Keys), "packages, and programs here");
        foreach (var name in libraries)
        {
            var library = name.Groups[1].Value;
            var place = Directory.CreateDirectory(Path.Combine(folder.Path, library)).FullName;
            await File.WriteAllTextAsync(Path.Combine(place, "Program.cs"), Programs[library]);
            await File.WriteAllTextAsync(Path.Combine(place, $"Uses.{library}.csproj"), $"""
                <Project Sdk="Microsoft.NET.Sdk">
                  <PropertyGroup>
                    <OutputType>Exe</OutputType>
                    <TargetFramework>net10.0</TargetFramework>
                    <Nullable>enable</Nullable>
                    <ImplicitUsings>enable</ImplicitUsings>
                    <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                  </PropertyGroup>
                  <ItemGroup>
                    <PackageReference Include="{library}" Version="{name.Groups[2].Value}" />
                  </ItemGroup>
                </Project>
                """);
        }

        await File.WriteAllTextAsync(Path.Combine(folder.Path, "all.slnx"), $"""
            <Solution>
            {string.Join('\n', Programs.Keys.Select(library => $"""  <Project Path="{library}/Uses.{library}.csproj" />"""))}
            </Solution>
            """);
        await folder.DotnetAsync("", "build", "all.slnx", "-v", "quiet");
        Assert.Multiple(async () =>
        {
            foreach (var library in Programs.Keys)
            {
                var said = await folder.DotnetAsync(library, $"bin/Debug/net10.0/Uses.{library}.dll");
                Assert.That(said.Trim(), Is.EqualTo("works"), library);
            }
        });
    }

    /// <summary>What stands on nuget.org beside a package: who made it, under which licence, what it is, how it is used.</summary>
    [Test]
    public void Each_package_says_what_it_is_and_brings_its_symbols()
    {
        var packages = Directory.GetFiles(Packages, "*.nupkg");
        Assert.That(packages, Has.Length.GreaterThanOrEqualTo(7));
        Assert.Multiple(() =>
        {
            foreach (var file in packages)
            {
                using var package = ZipFile.OpenRead(file);
                var specification = package.Entries.Single(e => e.FullName.EndsWith(".nuspec", StringComparison.Ordinal));
                using var reader = new StreamReader(specification.Open());
                var about = reader.ReadToEnd();
                foreach (var part in (string[])["\"expression\">Apache-2.0<", "<readme>README.md<", "<tags>", "<description>", "<authors>"])
                {
                    Assert.That(about, Does.Contain(part), file);
                }

                Assert.That(package.GetEntry("README.md")?.Length, Is.GreaterThan(100), file);
                Assert.That(HasSymbols(file, package), Is.True, $"{file}: symbols");
            }
        });
    }

    private static string Packages =>
        Repository.Packages ?? throw new InvalidOperationException("the packages are not packed: ./build.sh pack");

    private static bool HasLibrary(string file)
    {
        using var package = ZipFile.OpenRead(file);
        return package.Entries.Any(e => e.FullName.StartsWith("lib/", StringComparison.Ordinal));
    }

    // An adapter has them beside its assembly, a library in a package of symbols, and templates have no code.
    private static bool HasSymbols(string file, ZipArchive package) =>
        !package.Entries.Any(e => e.FullName.EndsWith(".dll", StringComparison.Ordinal))
        || package.Entries.Any(e => Path.GetDirectoryName(e.FullName) == "plugin" && e.FullName.EndsWith(".pdb", StringComparison.Ordinal))
        || File.Exists(Path.ChangeExtension(file, ".snupkg"));

    [GeneratedRegex(@"^(.*?)\.(\d.*)\.nupkg$")]
    private static partial Regex Name();
}
