using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Baton.Server.Data.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class FlowValues : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "flow_value_uses",
                columns: table => new
                {
                    Hash = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    Run = table.Column<string>(type: "character varying(1000)", maxLength: 1000, nullable: false),
                    CheckAt = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_flow_value_uses", x => new { x.Hash, x.Run });
                });

            migrationBuilder.CreateTable(
                name: "flow_values",
                columns: table => new
                {
                    Hash = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    Content = table.Column<byte[]>(type: "bytea", nullable: false),
                    PutAt = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_flow_values", x => x.Hash);
                });

            migrationBuilder.CreateIndex(
                name: "IX_flow_value_uses_CheckAt",
                table: "flow_value_uses",
                column: "CheckAt");

            migrationBuilder.CreateIndex(
                name: "IX_flow_value_uses_Run",
                table: "flow_value_uses",
                column: "Run");

            migrationBuilder.CreateIndex(
                name: "IX_flow_values_PutAt_Hash",
                table: "flow_values",
                columns: new[] { "PutAt", "Hash" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "flow_value_uses");

            migrationBuilder.DropTable(
                name: "flow_values");
        }
    }
}
